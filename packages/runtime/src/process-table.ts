import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A process as the kernel lists it. `startTime` tells two processes apart that had the same pid; its unit is the platform's. */
export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  /** Session, where the platform tells it. */
  session: number | undefined;
  startTime: string;
  /** Ended, but not yet waited for by its parent. */
  zombie: boolean;
}

/** Every process that this one may see: from /proc on Linux, from ps(1) elsewhere. */
export function readProcessTable(): ProcessEntry[] {
  if (process.platform !== "linux") return parsePs(runPs(["-A"]));
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const entry = readProcess(pid);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** One process, or nothing if there is none with that pid. */
export function readProcess(pid: number): ProcessEntry | undefined {
  if (process.platform !== "linux") return parsePs(runPs(["-p", String(pid)]))[0];
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH") return undefined; // It ended between the listing and the reading.
    throw error;
  }
}

/** Parses /proc/<pid>/stat (proc_pid_stat(5)). The command name, field 2, may hold spaces and parentheses. */
export function parseStat(text: string): ProcessEntry | undefined {
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTime = fields[19];
  if (!Number.isInteger(pid) || startTime === undefined) return undefined;
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime,
    zombie: state === "Z" || state === "X",
  };
}

const psColumns = ["-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "stat=", "-o", "lstart="];

function runPs(selection: readonly string[]): string {
  const result = spawnSync("/bin/ps", [...selection, ...psColumns], { encoding: "utf8", env: { LC_ALL: "C" } });
  if (result.error) throw result.error;
  return result.stdout;
}

/** Parses lines of `ps -o pid= -o ppid= -o pgid= -o stat= -o lstart=`. */
export function parsePs(text: string): ProcessEntry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S.*)$/.exec(line.trim());
    if (match === null) return [];
    const [, pid, parent, group, state = "", startTime = ""] = match;
    const numbers = { pid: Number(pid), parent: Number(parent), group: Number(group) };
    return [{ ...numbers, session: undefined, startTime, zombie: state.startsWith("Z") }];
  });
}
