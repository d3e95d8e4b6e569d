import { existsSync } from "node:fs";
import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, type ProcessIdentity } from "@nixfleet/runtime";
import { freeze, groupsOf, listProcesses, removeGroups } from "./control-groups.ts";
import { unmountBelow } from "./machine.ts";
import { removeNetwork } from "./network.ts";

/** Where everything of one lab is: its directory, and names that begin with its prefix. */
export interface LabResources {
  readonly number: number;
  readonly prefix: string;
  readonly directory: string;
}

export function resourcesOf(number: number, directory: string): LabResources {
  return { number, prefix: `nflab${number}-`, directory };
}

/** It may well have ended, and its number may be another's by now: the identity tells. */
async function endProgram(program: ProcessIdentity): Promise<void> {
  while (isAlive(program)) {
    kill(program.pid);
    await sleep(20);
  }
}

const NSPAWN_STATE = "/run/systemd/nspawn/propagate";

/**
 * Ends and removes all that a lab has made, whether it ends well or was killed at any moment: so each step takes it that its
 * work may be done already.
 */
export async function removeResources(lab: LabResources, programs: readonly ProcessIdentity[]): Promise<void> {
  for (const program of programs) await endProgram(program);
  for (const group of await groupsOf(lab.prefix)) await endHost(group);
  await unmountBelow(lab.directory);
  await removeNetwork(lab.number, lab.prefix);
  await removeGroups(lab.prefix);
  if (existsSync(NSPAWN_STATE)) {
    for (const name of await readdir(NSPAWN_STATE)) if (name.startsWith(lab.prefix)) await rmdir(join(NSPAWN_STATE, name));
  }
  await rm(lab.directory, { recursive: true, force: true });
}

/**
 * Ends the processes of a control group that the lab has made, so all of them are the lab's. Its first process is nspawn, which
 * tidies up by itself when the host that it holds has ended; what is left after that is killed too.
 */
export async function endHost(group: string): Promise<void> {
  for (const isLast of [false, true]) {
    const limit = Date.now() + 5000;
    for (;;) {
      const processes = await listProcesses(group);
      if (processes.length === 0) return;
      if (Date.now() > limit) break;
      for (const pid of processes) if (isLast || (await isInsideHost(pid))) kill(pid);
      await sleep(20);
    }
  }
  throw new Error(`Processes in ${group} do not end: ${(await listProcesses(group)).join(", ")}.`);
}

/**
 * Kills all that runs in a host at one moment, as a loss of power does: no process of it lives on to see another one end. `groups`
 * are the host's in all hierarchies.
 */
export async function killAtOnce(groups: readonly string[]): Promise<void> {
  for (const group of groups) await freeze(group, true);
  for (const group of groups) for (const pid of await listProcesses(group)) if (await isInsideHost(pid)) kill(pid);
  // Who is killed does not come back to life by that.
  for (const group of groups) await freeze(group, false);
  for (const group of groups) await endHost(group);
}

/** proc_pid_status(5): a process in a pid namespace of its own has a second number in NSpid. */
async function isInsideHost(pid: number): Promise<boolean> {
  try {
    return /^NSpid:\t\d+\t\d+/m.test(await readFile(`/proc/${pid}/status`, "utf8"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return false; // It has just ended.
    throw error;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It has just ended.
  }
}
