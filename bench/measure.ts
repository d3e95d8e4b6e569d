import { readFile } from "node:fs/promises";

/** One measured figure beside the bar that it is held against. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most, or with `least` the least, that is asked for; null: only reported. */
  readonly bar: number | null;
  readonly least?: true;
  /** How it came about: how many runs, what was spread. */
  readonly note?: string;
}

/** The value in the middle; of an even number, the higher of the two. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The smallest value that at least this share of the values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error("There is nothing to take a percentile of.");
  return value;
}

export interface ProcessReading {
  /** Resident memory in bytes, now and at its highest. */
  readonly rss: number;
  readonly peak: number;
  /** Seconds of CPU that it used so far, user and system. */
  readonly cpu: number;
}

/** Clock ticks a second: USER_HZ, 100 on every Linux that Node runs on (proc(5), /proc/pid/stat). */
const TICKS = 100;

/** What Linux says of a process (proc(5)). */
export async function readProcess(pid: number): Promise<ProcessReading> {
  const [status, stat] = await Promise.all([readFile(`/proc/${pid}/status`, "utf8"), readFile(`/proc/${pid}/stat`, "utf8")]);
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN) * 1024;
  // The second field is the name in parentheses, which may hold spaces: what follows the last one counts from field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { rss: kilobytes("VmRSS"), peak: kilobytes("VmHWM"), cpu: (Number(fields[11]) + Number(fields[12])) / TICKS };
}

/** Share of one core that processes use over a time, in milliseconds; 1 is a whole core. */
export async function coreShare(pids: readonly number[], milliseconds: number): Promise<number> {
  const total = async () => (await Promise.all(pids.map(readProcess))).reduce((sum, { cpu }) => sum + cpu, 0);
  const before = await total();
  const began = performance.now();
  await pause(milliseconds);
  return (((await total()) - before) * 1000) / (performance.now() - began);
}

/** A measurement takes time; this lets it pass. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const MB = 1_000_000;
