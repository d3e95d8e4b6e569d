import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { FactsReading, Outcome } from "@nixfleet/protocol";
import { type Clock, isDiskFull, syncDirectory, writeAtomic } from "@nixfleet/runtime";
import type { EventWriter } from "./event-writer.ts";
import type { RunLayout } from "./layout.ts";
import type { RunOutcome, RunProcess, TakenRequest } from "./shapes.ts";

const mode = 0o640;
/** Enough for the tail of the output, the end of the run and its outcome. */
const RESERVE_BYTES = 512 * 1024;
const RETRY_MS = 1000;

/** Writes down that the runner has taken a request. When it returns, the queue's file may go. */
export async function beginRun(run: RunLayout, request: TakenRequest): Promise<void> {
  await mkdir(run.dir, { recursive: true, mode: 0o750 });
  await writeAtomic(run.request, `${JSON.stringify(request)}\n`, { mode });
  await syncDirectory(dirname(run.dir));
}

/** Holds back space for the end of the run. False: the disk is full already. */
export async function reserveSpace(run: RunLayout): Promise<boolean> {
  try {
    await writeFile(run.reserve, Buffer.alloc(RESERVE_BYTES, 1));
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await rm(run.reserve, { force: true });
    return false;
  }
}

/**
 * Writes down which processes work on the run. Not flushed: after a power loss none of them lives. False: the disk is full,
 * and the older state stands.
 */
export function writeRunProcess(run: RunLayout, state: RunProcess): boolean {
  try {
    writeFileSync(`${run.process}.new`, JSON.stringify(state), { mode });
    renameSync(`${run.process}.new`, run.process);
    return true;
  } catch (error) {
    if (isDiskFull(error)) return false;
    throw error;
  }
}

/** Asks the disk to keep the state: whoever comes after a power loss is to know that an activation was begun. */
export function syncRunProcess(run: RunLayout): void {
  for (const path of [run.process, run.dir]) {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/**
 * Ends a run: the last event, then the outcome, both on the disk when it returns. While the disk is full it waits: an outcome
 * that is not on the disk is none.
 */
export async function finishRun(
  run: RunLayout,
  events: EventWriter,
  { outcome, proof }: { outcome: Outcome; proof: FactsReading | undefined },
  clock: Clock,
): Promise<void> {
  await rm(run.reserve, { force: true });
  if (!events.flush()) events.cutLines();
  events.append({ kind: "finished", outcome, ...(proof === undefined ? {} : { proof }) });
  while (!events.sync()) await wait(clock, RETRY_MS);
  await writeOutcome(run, { outcome, lastSeq: events.lastSeq(), endedAt: clock.now() }, clock);
}

/** Writes the outcome of a run whose last event is in the file already. */
export async function writeOutcome(run: RunLayout, outcome: RunOutcome, clock: Clock): Promise<void> {
  for (;;) {
    try {
      await writeAtomic(run.outcome, `${JSON.stringify(outcome)}\n`, { mode });
      break;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await wait(clock, RETRY_MS);
    }
  }
  await rm(run.process, { force: true });
}

export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, ms));
}
