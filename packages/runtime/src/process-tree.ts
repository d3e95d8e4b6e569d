import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessEntry, readProcessTable } from "./process-table.ts";

const pollMs = 50;
/** How long the kernel gets to end what was sent SIGKILL (a process in an uninterruptible wait ends later, by itself). */
const killMs = 2000;

export interface ProcessTree {
  /** SIGTERM to the leader's group, SIGKILL after `graceMs` to all that is left of the tree. Returns when nothing is left. */
  end(graceMs: number): Promise<void>;
}

/**
 * All that a session leader has started: its group, its session, and the descendants that left both (Nix puts each builder in
 * a session of its own). Processes are told apart by start time, so a pid that is used again is never signalled.
 */
export function createProcessTree(leader: number): ProcessTree {
  const seen = new Map<number, string>();

  const alive = (): ProcessEntry[] => {
    const table = readProcessTable();
    const members = new Set<number>();
    for (const entry of table) {
      if (entry.group === leader || entry.session === leader || seen.get(entry.pid) === entry.startTime) members.add(entry.pid);
    }
    const children = Map.groupBy(table, (entry) => entry.parent);
    const queue = [...members];
    for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
      for (const child of children.get(pid) ?? []) {
        if (!members.has(child.pid)) {
          members.add(child.pid);
          queue.push(child.pid);
        }
      }
    }
    const living = table.filter((entry) => members.has(entry.pid) && !entry.zombie);
    for (const entry of living) seen.set(entry.pid, entry.startTime);
    return living;
  };

  return {
    async end(graceMs) {
      const inGroup = alive().some((entry) => entry.group === leader);
      if (inGroup) send(-leader, "SIGTERM");
      const patience = Date.now() + graceMs;
      while (Date.now() < patience && alive().length > 0) await sleep(pollMs);
      const limit = Date.now() + killMs;
      for (let left = alive(); left.length > 0 && Date.now() < limit; left = alive()) {
        for (const entry of left) send(entry.pid, "SIGKILL");
        await sleep(pollMs);
      }
    },
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // Ended in the meantime: that was the aim.
  }
}
