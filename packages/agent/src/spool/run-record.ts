import { type FactsReading, MAX_SPOOL_WRITERS, type Outcome } from "@nixfleet/protocol";
import { type Clock, type Disk, isDiskFull, machineDisk, makeDirectory, syncDirectoryNow, writeAtomic } from "@nixfleet/runtime";
import { describeFailure } from "./error-line.ts";
import type { EventWriter } from "./event-writer.ts";
import type { RunLayout } from "./layout.ts";
import type { ActivationRecord, RequestRecord, RunOutcome, RunProcess } from "./shapes.ts";
import { newWriterId, readSpoolWriters } from "./spool-writers.ts";

const mode = 0o640;
/** Enough for the tail of the output, the end of the run and its outcome. */
const RESERVE_BYTES = 512 * 1024;
const RETRY_MS = 1000;

/** Records that the runner has taken a request. When it returns, the queue's file may go. */
export async function beginRun(run: RunLayout, request: RequestRecord, disk: Disk = machineDisk): Promise<void> {
  await makeDirectory(run.dir, 0o750, disk);
  const record: RequestRecord = { ...request, writer: newWriterId() };
  await writeAtomic(run.request, `${JSON.stringify(record)}\n`, { mode, disk });
}

/** Holds back space for the end of the run. False: the disk is full already. */
export async function reserveSpace(run: Pick<RunLayout, "reserve">, disk: Disk = machineDisk): Promise<boolean> {
  try {
    const file = await disk.open(run.reserve, "w", mode);
    try {
      await file.writeFile(Buffer.alloc(RESERVE_BYTES, 1));
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await disk.rm(run.reserve, { force: true });
    return false;
  }
}

/** Which processes work on a run, and what it activates: for whoever finds it after its runner was killed. */
export interface ProcessRecord {
  /** The program of the run that is running, if any. Not flushed: after a power loss none lives. On a full disk the older state stays. */
  setChild(child: RunProcess["child"]): void;
  /**
   * Records that an activation begins. On the disk when it returns, and whatever is written later does not lose it. False: the
   * disk is full, and nobody who comes later would know of the activation.
   */
  beginActivation(activation: ActivationRecord): boolean;
}

export function createProcessRecord(
  run: Pick<RunLayout, "process" | "dir">,
  initial: RunProcess,
  disk: Disk = machineDisk,
): ProcessRecord {
  let state = initial;
  const write = (change: Partial<RunProcess>): boolean => {
    const next = { ...state, ...change };
    try {
      replaceProcess(run, next, disk);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      return false;
    }
    state = next;
    return true;
  };
  write({});
  return {
    setChild: (child) => void write({ child }),
    beginActivation(activation) {
      if (!write({ activation })) return false;
      syncDirectoryNow(run.dir, disk);
      return true;
    },
  };
}

function replaceProcess(run: Pick<RunLayout, "process">, state: RunProcess, disk: Disk): void {
  const fd = disk.openSync(`${run.process}.new`, "w", mode);
  try {
    const bytes = Buffer.from(JSON.stringify(state));
    for (let written = 0; written < bytes.length; ) written += disk.writeSync(fd, bytes, written, bytes.length - written);
    // The name may get to the disk before the content does: an activation that was noted would be lost with it.
    if (state.activation !== null) disk.fsyncSync(fd);
  } finally {
    disk.closeSync(fd);
  }
  disk.renameSync(`${run.process}.new`, run.process);
}

/**
 * Ends a run: the last event, which tells the line of the first error too, then the outcome, both on the disk when it returns. While the disk is full it waits: an outcome
 * that is not on the disk is none.
 */
export async function finishRun(
  run: RunLayout,
  events: EventWriter,
  { outcome: told, proof }: { outcome: Outcome; proof: FactsReading | undefined },
  clock: Clock,
  disk: Disk = machineDisk,
): Promise<void> {
  await disk.rm(run.reserve, { force: true });
  if (!events.flush()) events.cutLines();
  const outcome = await describeFailure(told, run.events);
  events.append({ kind: "finished", outcome, ...(proof === undefined ? {} : { proof }) });
  while (!events.sync()) await wait(clock, RETRY_MS);
  await writeOutcome(run, { outcome, lastSeq: events.lastSeq(), endedAt: clock.now() }, clock, disk);
}

/** Writes the outcome of a run whose last event is in the file already. */
export async function writeOutcome(run: RunLayout, outcome: RunOutcome, clock: Clock, disk: Disk = machineDisk): Promise<void> {
  await writeOnceThereIsRoom(run.outcome, outcome, clock, disk);
  await disk.rm(run.process, { force: true });
}

/**
 * Records that another writer continues the events of a run behind `afterSeq`. On the disk when it returns; call it before the
 * first event of the new writer, which is a `started` that names it.
 */
export async function continueSpool(
  run: Pick<RunLayout, "request" | "writers">,
  afterSeq: number,
  clock: Clock,
  disk: Disk = machineDisk,
): Promise<void> {
  const writers = [...(await readSpoolWriters(run)), { id: newWriterId(), afterSeq }];
  await writeOnceThereIsRoom(run.writers, writers.slice(-MAX_SPOOL_WRITERS), clock, disk);
}

/** While the disk is full it waits. */
async function writeOnceThereIsRoom(path: string, value: unknown, clock: Clock, disk: Disk): Promise<void> {
  for (;;) {
    try {
      return await writeAtomic(path, `${JSON.stringify(value)}\n`, { mode, disk });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await wait(clock, RETRY_MS);
    }
  }
}

export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, ms));
}
