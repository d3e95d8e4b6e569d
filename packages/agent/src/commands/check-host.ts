import { existsSync, type Stats } from "node:fs";
import { access, constants, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { exec, messageOf, openUntrustedDirectory } from "@nixfleet/runtime";
import { freeBytes, isInMemory } from "../disks.ts";
import type { Platform } from "../platforms/platform.ts";
import { LEAST_FREE } from "../runner/guards.ts";
import type { RunnerSettings } from "../settings.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { type Finding, fails, holds, unknown } from "./finding.ts";
import type { HostReaders } from "./host-readers.ts";
import type { Environment } from "./read-settings.ts";

const MIB = 1024 * 1024;
/** Written by everybody; written by the group, which on NixOS and nix-darwin is the daemon's. */
const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;

type Directories = Pick<HostReaders, "stateDir" | "runnerDir"> & { platform: Pick<Platform, "scope"> };

/**
 * Whether the directories can be written or made, and whether nobody else can: what is in the runner's, root trusts and starts.
 * Nothing is made: the one who checks may be another user than the agent.
 */
export async function checkDirectories(
  { stateDir, runnerDir, platform }: Directories,
  { systemRoot }: Pick<RunnerSettings, "systemRoot">,
  inMemory = isInMemory,
): Promise<Finding> {
  const name = "directories";
  for (const path of [stateDir, runnerDir]) {
    let existing = path;
    while (existing !== "/" && !existsSync(existing)) existing = dirname(existing);
    try {
      await access(existing, constants.W_OK | constants.X_OK);
    } catch (error) {
      const user = platform.scope === "system" ? "root, for example with sudo" : "the user whose home the agent manages";
      const fix = `Run this as ${user}. Otherwise set NIXFLEET_STATE_DIR and NIXFLEET_RUNNER_DIR to directories that it may write.`;
      return fails(name, messageOf(error), fix);
    }
  }
  // Hosts that share a machine never reboot.
  if (systemRoot === "" && (await inMemory(runnerDir))) {
    const detail = `${runnerDir} is in memory: after a reboot nothing undoes a switch that was not confirmed`;
    return fails(name, detail, `Keep ${runnerDir} on a disk. Where the root is emptied at boot, name it among what persists.`);
  }
  const root = systemRoot === "" && platform.scope === "system" ? 0 : undefined;
  const fault = (await findForeign(stateDir, runnerDir, root)) ?? (await findLinks(stateDir));
  return fault ?? holds(name, `${stateDir}, ${runnerDir}`);
}

/** Files of the runner's that another user could change. `root`: whose they must be, where that is known. */
async function findForeign(stateDir: string, runnerDir: string, root: number | undefined): Promise<Finding | undefined> {
  const state = await statIfThere(stateDir);
  if (state !== undefined && (state.mode & OTHERS_WRITE) !== 0) return writable(stateDir, "o-w");
  const { runs, deadman, deadmanProgram } = runnerLayout(runnerDir);
  const owner = root ?? (await statIfThere(runnerDir))?.uid;
  for (const path of [runnerDir, runs, deadman, deadmanProgram]) {
    const stats = await statIfThere(path);
    if (stats === undefined) continue;
    if (stats.uid !== owner) {
      const detail = `${path} belongs to user ${stats.uid}, not to ${owner}`;
      return fails("directories", detail, `Run: chown ${owner} ${path}`);
    }
    if ((stats.mode & (OTHERS_WRITE | GROUP_WRITES)) !== 0) return writable(path, "go-w");
  }
  return undefined;
}

/** The two directories in which root removes what it has taken. */
async function findLinks(stateDir: string): Promise<Finding | undefined> {
  const { queue, cancel } = daemonLayout(stateDir);
  for (const path of [queue, cancel]) {
    const opened = await openUntrustedDirectory(path);
    if (opened.kind === "ok") await opened.directory[Symbol.asyncDispose]();
    if (opened.kind !== "refused") continue;
    const fix = `Stop nixfleet-agent, remove ${path}, and start it again: it recreates the directory. Nothing else belongs there.`;
    return fails("directories", opened.detail, fix);
  }
  return undefined;
}

function writable(path: string, mode: string): Finding {
  return fails("directories", `${path} can be written by other users`, `Run: chmod ${mode} ${path}`);
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Whether commits can be verified, where they must be. */
export async function checkSigning(
  {
    signingRequired,
    allowedSignersFile,
    openpgpKeysFile,
  }: Pick<RunnerSettings, "signingRequired" | "allowedSignersFile" | "openpgpKeysFile">,
  env: Environment,
): Promise<Finding> {
  const name = "signing";
  if (!signingRequired) return holds(name, "not required");
  const files = [
    {
      path: allowedSignersFile,
      what: "SSH",
      holdsKey: /^(?!#).{0,1000}\b(?:ssh|ecdsa|sk)-\S{1,100} \S/m,
      program: ["ssh-keygen", "-?"],
    },
    { path: openpgpKeysFile, what: "OpenPGP", holdsKey: /[^\s]/, program: ["gpg", "--version"] },
  ] as const;
  const used = files.filter(({ path }) => path !== undefined);
  const option = "signing.allowedSigners or signing.openpgpKeys (NIXFLEET_ALLOWED_SIGNERS_FILE, NIXFLEET_OPENPGP_KEYS_FILE)";
  if (used.length === 0) return fails(name, "required, and no key is trusted: nothing can be deployed", `Set ${option}.`);
  for (const { path = "", what, holdsKey, program } of used) {
    let text: string;
    try {
      text = await readFile(path, "latin1");
    } catch (error) {
      return fails(name, messageOf(error), `Make ${path} readable for the runner, or correct ${option}.`);
    }
    if (!holdsKey.test(text)) return fails(name, `${path} holds no ${what} key`, `Put the keys that may sign into ${option}.`);
    const { end } = await exec({ argv: program, env: { PATH: env["PATH"] ?? "" }, signal: AbortSignal.timeout(10_000) }).result;
    if (end.kind !== "spawn-failed") continue;
    return fails(
      name,
      `${program[0]} cannot be run`,
      `Install ${program[0]}, which verifies ${what} signatures, into the agent's PATH.`,
    );
  }
  return holds(name, `required; keys in ${used.map(({ path }) => path).join(", ")}`);
}

/** Whether each file system has what an activation needs at least. A build needs more, and says so itself. */
export async function checkDisks(
  { stateDir, runnerDir }: Pick<HostReaders, "stateDir" | "runnerDir">,
  least = LEAST_FREE,
): Promise<Finding> {
  const free: string[] = [];
  for (const wanted of ["/", "/nix/store", stateDir, runnerDir]) {
    let path = wanted;
    while (!existsSync(path)) path = dirname(path);
    const bytes = await freeBytes(path);
    const shown = `${wanted} has ${Math.round(bytes / MIB)} MiB free`;
    if (bytes < least) {
      const fix = "Free space: nix-collect-garbage --delete-older-than 30d, or what else is large there (du -x).";
      return fails("disk", `${shown}, ${Math.round(least / MIB)} MiB are needed at least`, fix);
    }
    free.push(shown);
  }
  return holds("disk", free.slice(0, 2).join(", "));
}

/**
 * Whether an installation of boot entries that was cut off has left something behind: a switch, a roll back or an undo by this agent removes it,
 * `nixos-rebuild` fails with it. Undefined where this agent installs none.
 */
export async function checkBootLoader({
  platform,
}: {
  platform: Pick<Platform, "bootLeftovers" | "activationInProgress">;
}): Promise<Finding | undefined> {
  if (platform.bootLeftovers === undefined) return undefined;
  const name = "boot-loader";
  try {
    const [left] = await platform.bootLeftovers();
    if (left === undefined) return holds(name, "no installation of boot entries was cut off");
    const inProgress = await platform.activationInProgress();
    if (inProgress !== undefined) return unknown(name, `boot entries may be being installed: ${inProgress}`);
    const fix = `Switch or roll back, or run: rm -r ${left.path}; /nix/var/nix/profiles/system/bin/switch-to-configuration boot`;
    return fails(name, left.sentence, fix);
  } catch (error) {
    return unknown(name, `${messageOf(error)}. Run this as root`);
  }
}
