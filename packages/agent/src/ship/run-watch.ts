import { type FSWatcher, watch } from "node:fs";
import type { RunId } from "@nixfleet/protocol";
import { messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { SpoolReader } from "../spool/event-reader.ts";
import { runnerLayout } from "../spool/layout.ts";

export interface RunWatchDeps {
  runnerDir: string;
  spool: Pick<SpoolReader, "runs" | "outcome">;
  log: Log;
  /** A run's spool was found: once for each run, before its other calls. Ended ones come with the seq of their last event. */
  onRun: (runId: RunId, run: { ended: boolean; lastSeq?: number }) => void;
  /** Something was written to the spool of a run that has not ended. */
  onChange: (runId: RunId) => void;
  /** A run that was active has its outcome on the disk; with the seq of its last event, if that can be read. */
  onEnd: (runId: RunId, lastSeq: number | undefined) => void;
  /** The spool of a run was removed. */
  onGone: (runId: RunId) => void;
}

/** Sees runs begin, continue and end in the runner's directory: by the kernel's word where it gives it, else at each scan. */
export interface RunWatch extends AsyncDisposable {
  /** Looks at everything once. To be called from time to time: the kernel may drop what it has to say, or say nothing at all. */
  scan(): Promise<void>;
  /** Runs that have begun and not ended, oldest first. */
  active(): RunId[];
}

export function createRunWatch({ runnerDir, spool, log, onRun, onChange, onEnd, onGone }: RunWatchDeps): RunWatch {
  const layout = runnerLayout(runnerDir);
  const known = new Set<RunId>();
  const active = new Map<RunId, FSWatcher | undefined>();
  let top: FSWatcher | undefined;
  let scanning: Promise<void> | undefined;
  let scanAgain = false;
  let disposed = false;

  const watchDirectory = (path: string, onEvent: () => void): FSWatcher | undefined => {
    if (disposed) return undefined;
    try {
      const watcher = watch(path, { persistent: false }, onEvent);
      // A directory that goes away while it is watched: the next scan sees that.
      watcher.on("error", (error) => log.debug("watch-ended", { path, message: messageOf(error) }));
      return watcher;
    } catch (error) {
      // Not there yet, or no watches left on this machine (ENOSPC): scans do it.
      log.debug("watch-refused", { path, message: messageOf(error) });
      return undefined;
    }
  };

  const look = async (runId: RunId) => {
    if (!active.has(runId)) return;
    onChange(runId);
    const outcome = await spool.outcome(runId);
    // A file that is no outcome counts too, since no more will come.
    if (outcome.kind === "missing" || !active.has(runId)) return;
    active.get(runId)?.close();
    active.delete(runId);
    onChange(runId);
    onEnd(runId, outcome.kind === "ok" ? outcome.value.lastSeq : undefined);
  };

  const checkLater = (runId: RunId) => {
    look(runId).catch((error: unknown) => log.error("spool-unreadable", { runId, message: messageOf(error) }));
  };

  const begin = async (runId: RunId) => {
    known.add(runId);
    const outcome = await spool.outcome(runId);
    const ended = outcome.kind !== "missing";
    if (!ended)
      active.set(
        runId,
        watchDirectory(layout.run(runId).dir, () => checkLater(runId)),
      );
    onRun(runId, { ended, ...(outcome.kind === "ok" && { lastSeq: outcome.value.lastSeq }) });
    // It may have ended between the reading and the watching.
    if (!ended) await look(runId);
  };

  const scanAll = async () => {
    await Promise.resolve(); // So that `scanning` is set before it is cleared.
    do {
      scanAgain = false;
      top ??= watchDirectory(layout.runs, () => void scan());
      const there = await spool.runs();
      const present = new Set(there);
      for (const runId of known) {
        if (present.has(runId)) continue;
        active.get(runId)?.close();
        active.delete(runId);
        known.delete(runId);
        onGone(runId);
      }
      for (const runId of there) {
        if (!known.has(runId)) await begin(runId);
        else if (active.has(runId)) await look(runId);
      }
    } while (scanAgain && !disposed);
    scanning = undefined;
  };

  const scan = (): Promise<void> => {
    scanAgain = true;
    scanning ??= scanAll().catch((error: unknown) => {
      scanning = undefined;
      log.error("runs-unreadable", { message: messageOf(error) });
    });
    return scanning;
  };

  return {
    scan,
    active: () => [...active.keys()],
    async [Symbol.asyncDispose]() {
      disposed = true;
      top?.close();
      for (const watcher of active.values()) watcher?.close();
      active.clear();
      await scanning;
    },
  };
}
