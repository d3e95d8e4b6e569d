import { type Clock, createSerial, every, type Recurring } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { StorageUnavailable, type Store } from "../store/index.ts";
import { nextPackTime, nextToPack, packLog, postponePacking } from "./log-packing.ts";
import { type RetentionLimits, retainLogs, retainRuns } from "./retention.ts";

/** Milliseconds from a change of a run until logs that are due are packed. */
const PACK_DELAY = 11_000;
const RETAIN_INTERVAL = 60 * 60_000;

/** Packs the logs of runs that have ended, and removes logs and runs that are too old or too many (R44, R69). */
export interface HistoryKeeper extends AsyncDisposable {
  start(): void;
  /** Packs all logs that are due now. */
  pack(): Promise<void>;
  /** Removes everything beyond the limits now. */
  retain(): Promise<void>;
  stop(): Promise<void>;
}

export interface HistoryKeeperDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  limits: RetentionLimits;
}

export function createHistoryKeeper({ store, bus, clock, log, limits }: HistoryKeeperDeps): HistoryKeeper {
  const ending = new AbortController();
  const { signal } = ending;
  const work = createSerial({ onError: failed });
  const rounds: Recurring[] = [];

  function failed(error: unknown): void {
    // Retried in the next round; the store itself reports the storage fault.
    if (!(error instanceof StorageUnavailable)) log.error({ err: error }, "Packing and pruning the history of runs failed");
  }

  async function packAll(): Promise<void> {
    for (let run = await nextToPack(store, clock.now()); run !== null; run = await nextToPack(store, clock.now())) {
      if (signal.aborted) return;
      try {
        await packLog(store, run, signal);
      } catch (error) {
        if (error instanceof StorageUnavailable) throw error;
        log.error({ err: error, runId: run.runId }, "A log could not be packed; retrying in an hour");
        await postponePacking(store, run.runId, clock.now());
      }
    }
  }

  async function retainAll(): Promise<void> {
    await retainLogs(store, limits, clock.now(), signal);
    await retainRuns(store, limits, clock.now(), signal);
  }

  const keeper: HistoryKeeper = {
    start() {
      const options = { clock, onError: failed };
      let packAt = clock.now() + PACK_DELAY;
      const packing = every(
        async () => {
          packAt = clock.now() + RETAIN_INTERVAL;
          await work.run(packAll);
          // A log that is due only after this round does not wait for another run to change.
          const next = await nextPackTime(store);
          if (next !== null) packAt = Math.min(packAt, Math.max(next, clock.now() + PACK_DELAY));
        },
        { ...options, interval: () => packAt - clock.now() },
      );
      const packSoon = () => {
        if (packAt <= clock.now() + PACK_DELAY) return;
        packAt = clock.now() + PACK_DELAY;
        packing.reschedule();
      };
      bus.on("run.changed", packSoon, { owner: "history keeper", signal });
      rounds.push(packing);
      rounds.push(every(() => work.run(retainAll), { ...options, interval: RETAIN_INTERVAL, immediately: true }));
    },
    pack: () => work.run(packAll),
    retain: () => work.run(retainAll),
    async stop() {
      ending.abort();
      for (const round of rounds) await round[Symbol.asyncDispose]();
      await work.settled();
    },
    [Symbol.asyncDispose]: () => keeper.stop(),
  };
  return keeper;
}
