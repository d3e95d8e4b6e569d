import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import * as z from "zod";
import { readProcess } from "./process-table.ts";

/** Names one process forever: pids are used again, but not with the same start time in the same boot. */
export const processIdentitySchema = z.object({
  pid: z.int().positive(),
  startTime: z.string().max(64),
  bootId: z.string().max(64),
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

let knownBootId: string | undefined;

/** This boot of the machine: random on Linux (random(4)) and macOS (`kern.bootsessionuuid`), and another after each reboot. */
export function bootId(): string {
  knownBootId ??= process.platform === "linux" ? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() : darwinBootId();
  return knownBootId;
}

function darwinBootId(): string {
  const result = spawnSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8", env: {} });
  if (result.error) throw result.error;
  return result.stdout.trim();
}

/** The identity of a living process (by default this one), or nothing if there is none with that pid. */
export function identifyProcess(pid: number = process.pid): ProcessIdentity | undefined {
  const entry = readProcess(pid);
  return entry === undefined || entry.zombie ? undefined : { pid, startTime: entry.startTime, bootId: bootId() };
}

/** Whether that very process still runs: same boot, same pid, same start time, and not a zombie. */
export function isAlive(identity: ProcessIdentity): boolean {
  const current = identity.bootId === bootId() ? identifyProcess(identity.pid) : undefined;
  return current !== undefined && current.startTime === identity.startTime;
}
