import type { Clock } from "@nixfleet/runtime";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/index.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** Runs that are due at a time. */
const RUNS_AT_ONCE = 200;
/** After a round that failed, the next one comes after this many milliseconds: one failed wake is never the last. */
const RETRY_INTERVAL = 5000;

const LONGEST_SLEEP = 60 * 60_000;

/** Runs that are due get their tick, though nobody speaks (R11). */
export interface RunDeadlines {
  /** There is a run that is due then. */
  wakeAt(at: number): void;
  /** Looks for runs that are due now, then sleeps until the next one is. */
  wake(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunDeadlinesDeps {
  store: Store;
  clock: Clock;
  log: Logger;
  dispatcher: () => Pick<Dispatcher, "apply">;
}

export function createRunDeadlines({ store, clock, log, dispatcher }: RunDeadlinesDeps): RunDeadlines {
  let timer: { at: number; cancel(): void } | undefined;
  let round: Promise<void> | null = null;
  let stopped = false;

  function wakeAt(at: number): void {
    if (stopped || (timer !== undefined && timer.at <= at)) return;
    timer?.cancel();
    const { cancel } = clock.setTimeout(
      () => {
        timer = undefined;
        void wake();
      },
      // Never longer than an hour: timers take no more than 25 days, and a clock may jump.
      Math.min(Math.max(0, at - clock.now()), LONGEST_SLEEP),
    );
    timer = { at, cancel };
  }

  function wake(): Promise<void> {
    round ??= tickAndSleep().finally(() => {
      round = null;
    });
    return round;
  }

  async function tickAndSleep(): Promise<void> {
    try {
      const next = await tickDue();
      if (next !== null) wakeAt(next);
    } catch (error) {
      log.error({ err: error }, "Runs that are due could not be looked at; trying again");
      wakeAt(clock.now() + RETRY_INTERVAL);
    }
  }

  /** Ticks every run that is due; gives when the next one is, null: none. One run that cannot be ticked stops none behind it. */
  async function tickDue(): Promise<number | null> {
    const now = clock.now();
    const due = await store.db
      .selectFrom("runs")
      .select("id")
      .where("due_at", "is not", null)
      .where("due_at", "<=", now)
      .orderBy("due_at")
      .limit(RUNS_AT_ONCE)
      .execute();
    let failed = false;
    const ticks = due.map(({ id }) =>
      store
        .change(
          async (change) => {
            const row = await change.db.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
            if (row?.due_at != null && row.due_at <= clock.now()) await dispatcher().apply(change, row, { kind: "tick" });
          },
          { batchDelay: 0, whenUnavailable: "wait" },
        )
        .catch((error: unknown) => {
          failed = true;
          log.error({ err: error, runId: id }, "A run that is due could not be looked at");
        }),
    );
    await Promise.all(ticks);
    if (failed) return clock.now() + RETRY_INTERVAL;
    const next = await store.db
      .selectFrom("runs")
      .select("due_at")
      .where("due_at", "is not", null)
      .orderBy("due_at")
      .limit(1)
      .executeTakeFirst();
    return next?.due_at ?? null;
  }

  return {
    wakeAt,
    wake,
    async stop() {
      stopped = true;
      timer?.cancel();
      await round;
    },
  };
}
