import type { RunId } from "@nixfleet/protocol";
import { type Clock, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { DaemonFiles } from "../spool/daemon-files.ts";

/** Milliseconds that acknowledgements wait for others before they are written. */
const WRITE_DELAY = 1000;
/** How many runs are remembered: those of which a dashboard could still speak. */
const REMEMBERED = 1000;

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
  let timer: { cancel(): void } | undefined;
  let dirty = false;
  let writing: Promise<void> = Promise.resolve();

  const write = async () => {
    if (!dirty) return;
    dirty = false;
    // Ids sort by time.
    const kept = [...known].sort(([a], [b]) => (a < b ? -1 : 1)).slice(-REMEMBERED);
    known = new Map(kept);
    try {
      await files.writeAcknowledged({ runs: Object.fromEntries(kept) as Record<RunId, number> });
    } catch (error) {
      // A full disk must not stop the shipping: the next acknowledgement tries again.
      dirty = true;
      log.error("acknowledgements-not-written", { message: messageOf(error) });
    }
  };
  const flush = () => {
    timer?.cancel();
    timer = undefined;
    writing = writing.then(write);
    return writing;
  };

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
      timer ??= clock.setTimeout(() => void flush(), WRITE_DELAY);
    },
    flush,
    async [Symbol.asyncDispose]() {
      await flush();
    },
  };
}
