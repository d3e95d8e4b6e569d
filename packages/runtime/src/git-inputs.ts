import { credentialHelper, type GitCredentials, shellWord, sshCommand } from "./git.ts";
import { sshHost } from "./repo-url.ts";

/** What a git that somebody else starts, such as Nix for the inputs of a flake, gets with its environment. */
export interface GitSettings {
  env: Readonly<Record<string, string>>;
  /** Names and values of git-config(1), after those of the user. */
  config: readonly (readonly [name: string, value: string])[];
}

/**
 * The credentials of a repository for other repositories on hosts that these are for: the key and the known hosts on the repository's own ssh
 * server, the credentials file on the web servers that it names. Everywhere else git does what its user's own settings say. No secret is in
 * the result, only paths.
 */
export function inputSettings(repoUrl: string, { sshKeyFile, knownHostsFile, credentialsFile }: GitCredentials): GitSettings {
  const host = sshHost(repoUrl);
  const hasSsh = host !== undefined && (sshKeyFile !== undefined || knownHostsFile !== undefined);
  return {
    env: hasSsh ? { GIT_SSH_COMMAND: sshFor(host, sshCommand({ sshKeyFile, knownHostsFile })), GIT_SSH_VARIANT: "ssh" } : {},
    config: credentialsFile === undefined ? [] : [["credential.helper", credentialHelper(credentialsFile)]],
  };
}

/**
 * Git gives `[user@]host` as an argument of its own (connect.c, `fill_ssh_args`). For other hosts: as without this, since GIT_SSH_COMMAND
 * hides core.sshCommand.
 */
function sshFor(host: string, command: string): string {
  const word = shellWord(host);
  const own = 'eval "$(git config --get core.sshCommand || echo ssh) \\"\\$@\\""';
  return `f() { for a; do case "$a" in ${word}|*@${word}) exec ${command} "$@";; esac; done; ${own}; }; f`;
}
