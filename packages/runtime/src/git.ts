import type { Exec, ExecResult } from "./exec.ts";
import { checkRepoUrl, type RepoTransport } from "./repo-url.ts";

/** Where credentials are. All are absolute paths; what is in the files is never read by this program, only by git and ssh. */
export interface GitCredentials {
  sshKeyFile?: string | undefined;
  knownHostsFile?: string | undefined;
  /** Lines `https://user:token@host`, as git-credential-store(1) has them. Only read: git is kept from erasing lines in it. */
  credentialsFile?: string | undefined;
}

export interface GitDeps {
  exec: Exec;
  /** Where `PATH` and what TLS and proxies need are taken from; nothing else is passed on. */
  env: Readonly<Record<string, string | undefined>>;
  /** The one repository that this git may reach. Without it, no transport is allowed at all. */
  repoUrl?: string | undefined;
  credentials?: GitCredentials | undefined;
}

export interface GitRequest {
  cwd?: string | undefined;
  /** Added to the environment, for programs that git starts; nothing from outside. */
  env?: Readonly<Record<string, string>> | undefined;
  signal?: AbortSignal | undefined;
  stdin?: string | Uint8Array | undefined;
  captureBytes?: number | undefined;
  onStdout?: ((chunk: Buffer) => void) | undefined;
  onStderr?: ((chunk: Buffer) => void) | undefined;
}

/**
 * Runs `git <args>`. Whatever comes from outside (a branch, a commit, a URL) is behind `--end-of-options` or `--` in `args`:
 * that is for the caller to do, since only the caller knows which command takes which.
 */
export type Git = (args: readonly string[], request?: GitRequest) => Promise<ExecResult>;

/** What git and its transports take from the environment to verify TLS and find a proxy. */
const passedOn = [
  "PATH",
  "TMPDIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NIX_SSL_CERT_FILE",
  "GIT_SSL_CAINFO",
  "http_proxy",
  "https_proxy",
  "HTTPS_PROXY",
  "all_proxy",
  "ALL_PROXY",
  "no_proxy",
  "NO_PROXY",
];

/**
 * A git that does what its arguments say and nothing more: no configuration of user or system, no hooks, no prompts, no
 * helper programs, only the transport of `repoUrl`, host keys and certificates verified (R32). Throws when `repoUrl` is not
 * one that `checkRepoUrl` accepts, since settings are checked before.
 */
export function createGit({ exec, env, repoUrl, credentials = {} }: GitDeps): Git {
  const checked = repoUrl === undefined ? undefined : checkRepoUrl(repoUrl);
  if (checked?.ok === false) throw new Error(`not a repository URL: ${checked.fault}`);
  const options = configOptions(checked?.transport, credentials).flatMap((option) => ["-c", option]);
  const childEnv = gitEnvironment(env, credentials);

  return (args, { env: added, ...request } = {}) =>
    exec({
      argv: ["git", ...options, ...args],
      env: { ...childEnv, ...added },
      ...Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
    }).result;
}

function gitEnvironment(env: GitDeps["env"], credentials: GitCredentials): Record<string, string> {
  const inherited = passedOn.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return {
    ...Object.fromEntries(inherited),
    HOME: "/var/empty", // libcurl would read ~/.netrc
    XDG_CONFIG_HOME: "/var/empty",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "", // set but empty: git asks nobody, whatever core.askPass or SSH_ASKPASS say
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_SSH_VARIANT: "ssh",
    GIT_SSH_COMMAND: sshCommand(credentials),
  };
}

/** ssh_config(5): no configuration of user or system, one key, known hosts only, no questions. */
export function sshCommand({ sshKeyFile, knownHostsFile }: GitCredentials): string {
  const options = [
    "StrictHostKeyChecking=yes",
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "PasswordAuthentication=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=20",
    "ServerAliveCountMax=3",
  ];
  // ssh splits this value at spaces and expands % in it: quoted, and doubled.
  if (knownHostsFile !== undefined) options.push(`UserKnownHostsFile="${knownHostsFile.replaceAll("%", "%%")}"`);
  const key = sshKeyFile === undefined ? [] : ["-i", sshKeyFile.replaceAll("%", "%%")];
  return ["ssh", "-F", "/dev/null", ...options.flatMap((option) => ["-o", option]), ...key].map(shellWord).join(" ");
}

/** Git hands GIT_SSH_COMMAND and credential helpers to /bin/sh; only paths from the program's own settings are in them. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function configOptions(transport: RepoTransport | undefined, { credentialsFile }: GitCredentials): string[] {
  const allowed = transport === undefined ? [] : transportsOf(transport);
  const options = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=", // GIT_SSH_COMMAND wins anyway; one of the clone's own would be a command from outside
    "core.askPass=",
    "core.alternateRefsCommand=",
    "core.quotePath=false",
    "protocol.allow=never",
    ...allowed.map((name) => `protocol.${name}.allow=always`),
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "safe.directory=*", // the clone may belong to another user (R31); it is this program's own all the same
    "gc.auto=0",
    "maintenance.auto=false",
    "http.sslVerify=true",
    "http.followRedirects=initial",
    "http.lowSpeedLimit=100", // bytes a second,
    "http.lowSpeedTime=60", // for so many seconds: a dead connection ends instead of hanging
    // As `git clone` reads it: old histories hold objects that git-fsck(1) refuses, and a fetch into a partial clone knows no exceptions
    // (git 2.39). What such a tree could do to a work tree, git's checkout refuses by itself.
    "fetch.fsckObjects=false",
    "transfer.fsckObjects=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
    "credential.helper=", // an empty one resets the list, also of what the clone's own configuration says
  ];
  if (credentialsFile !== undefined) {
    options.push(`credential.helper=${credentialHelper(credentialsFile)}`);
  }
  return options;
}

/** Answers `get` only: on a refusal git would say `erase`, and take the line out of the user's file. */
export function credentialHelper(credentialsFile: string): string {
  return `!f() { test "$1" != get || git credential-store --file=${shellWord(credentialsFile)} get; }; f`;
}

function transportsOf(transport: RepoTransport): string[] {
  if (transport === "http") return ["http", "https"]; // a server may redirect to https, never the other way
  return [transport === "path" ? "file" : transport];
}
