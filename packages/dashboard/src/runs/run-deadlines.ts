import type { Clock } from "@nixfleet/runtime";
import type { Logger } from "../logger.ts";
import type { SharedWrites, Store } from "../store/index.ts";
import type { Dispatching, RunChange } from "./dispatcher.ts";

/** Runs that are due get their tick, though nobody speaks. */
export interface Waking {
  /** There is a run that is due then. */
  wakeAt(at: number): void;
  /** Sleeps until the first of the stored runs is due. */
  sleep(): Promise<void>;
  stop(): void;
}

export interface WakingDeps {
  store: Store;
  writes: SharedWrites;
  clock: Clock;
  log: Logger;
  dispatching: Dispatching;
  announce(changes: readonly RunChange[]): void;
}

export function createWaking({ store, writes, clock, log, dispatching, announce }: WakingDeps): Waking {
  let timer: { at: number; cancel(): void } | undefined;
  let stopped = false;

  function wakeAt(at: number): void {
    if (stopped || (timer !== undefined && timer.at <= at)) return;
    timer?.cancel();
    const { cancel } = clock.setTimeout(
      () => {
        timer = undefined;
        wake().catch((error: unknown) => log.error({ err: error }, "Runs that are due could not be looked at"));
      },
      Math.max(0, at - clock.now()),
    );
    timer = { at, cancel };
  }

  /** Ticks every run that is due, then sleeps until the next one is. */
  async function wake(): Promise<void> {
    const changes = await writes.add(async (trx) => {
      const due = await trx
        .selectFrom("runs")
        .selectAll()
        .where("due_at", "<=", clock.now())
        .orderBy("due_at")
        .limit(200)
        .execute();
      const ticked: RunChange[] = [];
      for (const row of due) ticked.push(...(await dispatching.apply(trx, row, { kind: "tick" })));
      return await dispatching.pumpIfEnded(trx, ticked);
    });
    announce(changes);
    await sleep();
  }

  async function sleep(): Promise<void> {
    const next = await store.db
      .selectFrom("runs")
      .select((eb) => eb.fn.min("due_at").as("at"))
      .executeTakeFirst();
    if (next?.at != null) wakeAt(next.at);
  }

  return {
    wakeAt,
    sleep,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
