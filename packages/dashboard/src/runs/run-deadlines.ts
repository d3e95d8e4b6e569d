import type { HostId } from "@nixfleet/protocol";
import { type Clock, every } from "@nixfleet/runtime";
import type { Presence } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { StorageUnavailable, type Store } from "../store/index.ts";
import { dueAt } from "./advance.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { runOf } from "./records.ts";

/** Maximum due runs handled at once. */
const RUNS_AT_ONCE = 200;
/** Milliseconds between a failed round and the next: a failed wake is never the last. */
const RETRY_INTERVAL = 5000;

const LONGEST_SLEEP = 60 * 60_000;

/** Gives due runs their tick when no signal arrives (R11). */
export interface RunDeadlines {
  /** Makes sure that due runs are checked at this time. */
  wakeAt(at: number): void;
  /** Handles runs that are due now, then sleeps until the next one is due. */
  wake(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunDeadlinesDeps {
  store: Store;
  clock: Clock;
  log: Logger;
  presence: Pick<Presence, "isConnected">;
  dispatcher: () => Pick<Dispatcher, "apply">;
}

export function createRunDeadlines({ store, clock, log, presence, dispatcher }: RunDeadlinesDeps): RunDeadlines {
  const isConnected = (hostId: HostId | null) => hostId !== null && presence.isConnected(hostId);
  /** When the next known run is due. */
  let nextAt = Number.POSITIVE_INFINITY;
  const wakeUps = every(
    async () => {
      nextAt = Number.POSITIVE_INFINITY;
      expectRunAt((await tickDue()) ?? Number.POSITIVE_INFINITY);
    },
    {
      clock,
      // Never longer than an hour: the clock may jump.
      interval: (last) => (last === "failed" ? RETRY_INTERVAL : Math.min(Math.max(0, nextAt - clock.now()), LONGEST_SLEEP)),
      onError: (error) => log.error({ err: error }, "Due runs could not be checked; retrying"),
    },
  );

  function expectRunAt(at: number): void {
    nextAt = Math.min(nextAt, at);
  }

  /** Ticks every due run and returns when the next one is due, null: none. A run that cannot be ticked does not block the others. */
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
            if (row?.due_at == null || row.due_at > clock.now()) return;
            // An earlier version may have had other limits: what is not due by those of today would be looked at without end.
            const at = dueAt(runOf(row));
            if (at === null || at > clock.now()) {
              await change.db.updateTable("runs").set({ due_at: at }).where("id", "=", id).execute();
            } else await dispatcher().apply(change, row, { kind: "tick", connected: isConnected(row.host_id) });
          },
          // While nothing can be stored the round ends, so that the dashboard can be stopped, and comes again.
          { batchDelay: 0 },
        )
        .catch((error: unknown) => {
          failed = true;
          // The store itself tells that nothing can be stored.
          if (!(error instanceof StorageUnavailable)) log.error({ err: error, runId: id }, "A due run could not be checked");
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
    wakeAt(at) {
      if (at >= nextAt) return;
      expectRunAt(at);
      wakeUps.reschedule();
    },
    wake: () => wakeUps.runNow(),
    async stop() {
      await wakeUps[Symbol.asyncDispose]();
    },
  };
}
