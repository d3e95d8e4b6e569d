import { identifyProcess, type ProcessIdentity, readProcessTable } from "@nixfleet/runtime";

/**
 * All living processes that come from some: themselves, their sessions, and the children of each, builders and runners in sessions of
 * their own included. What was left behind in a session is found also after its leader has ended.
 */
export function livingTree(...leaders: number[]): ProcessIdentity[] {
  if (leaders.length === 0) return [];
  const table = readProcessTable();
  const members = new Set(leaders);
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const entry of table)
      if (members.has(entry.parent) || leaders.some((leader) => entry.session === leader)) members.add(entry.pid);
  }
  return [...members].flatMap((pid) => identifyProcess(pid) ?? []);
}

/** Ends processes at once, as a power loss would. */
export function killAll(processes: readonly ProcessIdentity[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // It has ended meanwhile.
    }
  }
}
