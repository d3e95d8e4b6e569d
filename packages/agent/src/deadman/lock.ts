import { rm } from "node:fs/promises";
import { type Clock, isDiskFull, type LockResult, takeLock } from "@nixfleet/runtime";
import type { RunnerLayout } from "../spool/layout.ts";
import { wait } from "../spool/run-record.ts";
import { readArmed } from "./record.ts";

const POLL_MS = 50;

/**
 * Does something while nobody else arms, disarms, undoes, or starts what could be undone: whoever comes first wins, and the next
 * one finds what is so then. A dead owner keeps nobody waiting. Never to be called within itself.
 *
 * The lock is a file, and the disk may be full: then the space goes that the armed run has held back, and if that does not help,
 * the work is done without it. That the host comes home counts more than that two of us do not meet.
 */
export async function underDeadmanLock<T>(
  layout: Pick<RunnerLayout, "deadmanLock" | "deadman" | "run">,
  clock: Clock,
  work: () => Promise<T>,
  takeIt: (path: string) => Promise<LockResult> = takeLock,
): Promise<T> {
  const take = () => takeUnlessFull(layout.deadmanLock, takeIt);
  let taken = await take();
  if (taken === "disk-full") {
    const armed = await readArmed(layout);
    if (armed.kind === "ok") await rm(layout.run(armed.value.runId).reserve, { force: true });
    taken = await take();
  }
  while (taken !== "disk-full" && !taken.ok) {
    await wait(clock, POLL_MS);
    taken = await take();
  }
  if (taken === "disk-full") return work();
  await using _lock = taken.lock;
  return await work();
}

async function takeUnlessFull(path: string, takeIt: (path: string) => Promise<LockResult>): Promise<LockResult | "disk-full"> {
  try {
    return await takeIt(path);
  } catch (error) {
    if (isDiskFull(error)) return "disk-full";
    throw error;
  }
}
