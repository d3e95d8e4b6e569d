import type { GitCredentials } from "./git.ts";
import { absolutePath, branchName, repoFolder } from "./setting-schemas.ts";
import { defineSettings, type SettingsOf } from "./settings.ts";

/** How a program reads the config repository, besides its URL: the same names and rules in each. */
export const GIT_SETTINGS = defineSettings({
  branch: {
    env: "NIXFLEET_BRANCH",
    schema: branchName,
    default: "main",
    help: "branch of the config repository to follow",
  },
  flakeDir: {
    env: "NIXFLEET_FLAKE_DIR",
    schema: repoFolder,
    default: "",
    help: "folder of the config repository that has the flake, where that is not its root",
    example: "nix",
  },
  sshKeyFile: {
    env: "NIXFLEET_SSH_KEY_FILE",
    schema: absolutePath,
    help: "private key with read access to the config repository",
  },
  knownHostsFile: { env: "NIXFLEET_KNOWN_HOSTS_FILE", schema: absolutePath, help: "host keys of git servers to trust" },
  gitCredentialsFile: {
    env: "NIXFLEET_GIT_CREDENTIALS_FILE",
    schema: absolutePath,
    help: "file with a line https://user:token@host with read access to the config repository",
  },
});

/** The credentials that the settings name. */
export function gitCredentials({
  sshKeyFile,
  knownHostsFile,
  gitCredentialsFile,
}: Pick<SettingsOf<typeof GIT_SETTINGS>, "sshKeyFile" | "knownHostsFile" | "gitCredentialsFile">): GitCredentials {
  return { sshKeyFile, knownHostsFile, credentialsFile: gitCredentialsFile };
}
