import type { RunId } from "@nixfleet/protocol";
import { type Clock, every, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { DaemonFiles } from "../spool/daemon-files.ts";
import { MOST_FINISHED_RUNS } from "../spool/run-directories.ts";

/** Milliseconds that acknowledgements wait for others before they are written. */
const WRITE_DELAY = 1000;

/**
 * The last seq of each run that the dashboard has stored. The file is for the runner, which prunes by it, and for the next
 * start; what is not yet written costs only some events sent twice, which the dashboard stores once.
 */
export interface Acknowledgements extends AsyncDisposable {
  load(): Promise<void>;
  get(runId: RunId): number;
  /** Whether anything of this run was ever acknowledged. */
  has(runId: RunId): boolean;
  set(runId: RunId, seq: number): void;
  /** Writes what waits. */
  flush(): Promise<void>;
}

export interface AcknowledgementsDeps {
  files: Pick<DaemonFiles, "readAcknowledged" | "writeAcknowledged">;
  clock: Clock;
  log: Log;
}

export function createAcknowledgements({ files, clock, log }: AcknowledgementsDeps): Acknowledgements {
  let known = new Map<RunId, number>();
  let dirty = false;
  /** A write is scheduled. After one that failed there is none until the next acknowledgement: a full disk must not stop the shipping. */
  let isDue = false;

  const write = async () => {
    isDue = false;
    if (!dirty) return;
    dirty = false;
    // Ids sort by time.
    const kept = [...known].sort(([a], [b]) => (a < b ? -1 : 1)).slice(-MOST_FINISHED_RUNS);
    known = new Map(kept);
    try {
      await files.writeAcknowledged({ runs: Object.fromEntries(kept) as Record<RunId, number> });
    } catch (error) {
      dirty = true;
      throw error;
    }
  };
  const writes = every(write, {
    interval: () => (isDue ? WRITE_DELAY : Number.POSITIVE_INFINITY),
    clock,
    onError: (error) => log.error("acknowledgements-not-written", { message: messageOf(error) }),
  });

  return {
    async load() {
      const read = await files.readAcknowledged();
      if (read.kind === "refused") log.warn("acknowledgements-unreadable", { message: read.reason });
      if (read.kind === "ok") known = new Map(Object.entries(read.value.runs) as [RunId, number][]);
    },
    get: (runId) => known.get(runId) ?? 0,
    has: (runId) => known.has(runId),
    set(runId, seq) {
      if (known.get(runId) === seq) return;
      known.set(runId, seq);
      dirty = true;
      if (isDue) return;
      isDue = true;
      writes.reschedule();
    },
    flush: () => writes.runNow(),
    async [Symbol.asyncDispose]() {
      await writes.runNow();
      await writes[Symbol.asyncDispose]();
    },
  };
}
