import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "@nixfleet/runtime";
import { type Kysely, sql, type Transaction } from "kysely";
import { type Change, type EffectSinks, type OpenChange, openChange } from "./change.ts";
import type { Database } from "./schema.ts";
import { StorageUnavailable } from "./storage-fault.ts";

/** A transaction takes no further work after this many milliseconds, since it blocks the process. */
const MAX_TRANSACTION_TIME = 20;
/** Milliseconds between attempts while another program holds the lock. */
const LOCK_RETRY_INTERVAL = 50;
/** How long a change waits for another program's lock by default, in milliseconds. */
const LOCK_TIMEOUT = 2000;

export interface ChangeOptions {
  /**
   * May wait this many milliseconds to share its transaction with later changes: each transaction is flushed to disk, which takes a
   * disk's time and stops the process meanwhile (R43). A change without a delay takes all waiting changes along. Order is kept either way.
   */
  readonly batchDelay?: number;
  /**
   * While nothing can be stored: `reject` at once (the default; another program's lock is waited for, up to two seconds), or `wait`
   * in its place until something can. The caller limits how much waits.
   */
  readonly whenUnavailable?: "reject" | "wait" | "reject-at-once";
}

/** Learns from the queue whether the storage works. */
export interface StorageMonitor {
  readonly available: boolean;
  failed(fault: StorageUnavailable): void;
  succeeded(): void;
}

interface Unit {
  readonly work: (change: Change) => Promise<unknown>;
  readonly whenUnavailable: NonNullable<ChangeOptions["whenUnavailable"]>;
  readonly since: number;
  resolve(value: never): void;
  reject(error: unknown): void;
}

/** All changes, one after another in the order of the calls; several may share a transaction. */
export interface ChangeQueue {
  change<T>(work: (change: Change) => Promise<T>, options?: ChangeOptions): Promise<T>;
  /** The storage is writable again: continues with waiting changes. */
  resume(): void;
  /** Whether the caller is within the work of a change. */
  readonly inChange: boolean;
  /** Transactions since the start. */
  readonly transactions: number;
  /** Number of changes that are not stored yet. */
  readonly waiting: number;
  /** Stores waiting changes if possible and accepts no more. The rest is rejected with StorageUnavailable. */
  close(): Promise<void>;
}

export function createChangeQueue({
  db,
  clock,
  sinks,
  storage,
}: {
  db: Kysely<Database>;
  clock: Clock;
  sinks: EffectSinks;
  storage: StorageMonitor;
}): ChangeQueue {
  const scope = new AsyncLocalStorage<{ open: boolean }>();
  let queue: Unit[] = [];
  let flushing: Promise<void> | null = null;
  let timer: { at: number; cancel(): void } | undefined;
  let stalled = false;
  let closed = false;
  let transactions = 0;

  /** Begins a transaction with waiting changes: now, or after this turn of the event loop, to include what other sockets have read. */
  function flushSoon(afterThisTurn: boolean): void {
    if (stalled || flushing !== null || queue.length === 0) return;
    timer?.cancel();
    timer = undefined;
    const start = afterThisTurn ? new Promise<void>((resolve) => setImmediate(resolve)) : Promise.resolve();
    void runExclusively(start.then(flush));
  }

  /** Runs one transaction at a time, then continues with changes that were requested meanwhile. */
  function runExclusively(work: Promise<void>): Promise<void> {
    flushing = work.finally(() => {
      flushing = null;
      flushSoon(true);
    });
    return flushing;
  }

  function flushWithin(ms: number): void {
    const at = clock.now() + ms;
    if (stalled || flushing !== null || (timer !== undefined && timer.at <= at)) return;
    timer?.cancel();
    timer = { at, cancel: clock.setTimeout(() => flushSoon(true), ms).cancel };
  }

  function resume(): void {
    stalled = false;
    flushSoon(false);
  }

  /** One transaction with as much as fits its time. */
  async function flush(): Promise<void> {
    const batch = queue;
    queue = [];
    const { taken, fault } = await transaction(batch);
    queue = [...batch.slice(taken), ...queue];
    if (fault === null) return;
    // Nothing of the transaction was stored: changes that do not wait are rejected, the others keep their places.
    const now = clock.now();
    queue = queue.filter((unit) => {
      const wait = keepsWaiting(unit, fault, now);
      if (!wait) unit.reject(fault);
      return wait;
    });
    stalled = true;
    if (!fault.locked) return;
    timer?.cancel();
    timer = { at: now + LOCK_RETRY_INTERVAL, cancel: clock.setTimeout(resume, LOCK_RETRY_INTERVAL).cancel };
  }

  /** Runs units in one transaction until its time is over. A unit that throws is undone alone; a storage fault undoes all of them. */
  async function transaction(units: readonly Unit[]): Promise<{ taken: number; fault: StorageUnavailable | null }> {
    const done: { unit: Unit; opened: OpenChange; result: unknown }[] = [];
    const failed: { unit: Unit; error: unknown }[] = [];
    const scopeState = { open: true };
    const alone = units.length === 1;
    let taken = 0;
    transactions += 1;
    try {
      await scope.run(scopeState, () =>
        db.transaction().execute(async (trx) => {
          const start = clock.now();
          for (const unit of units) {
            taken += 1;
            const opened = openChange(trx, sinks);
            const run = async () => {
              const result = await unit.work(opened.change);
              await opened.seal();
              return result;
            };
            const outcome = alone ? { ok: true as const, value: await run() } : await inSavepoint(trx, run);
            if (outcome.ok) done.push({ unit, opened, result: outcome.value });
            else failed.push({ unit, error: outcome.error });
            if (clock.now() - start > MAX_TRANSACTION_TIME) break;
          }
        }),
      );
    } catch (error) {
      if (error instanceof StorageUnavailable) {
        storage.failed(error);
        return { taken: 0, fault: error };
      }
      // The commit itself failed, or the only unit did: none of these is stored. If even the beginning failed, the first one is
      // rejected, since it would be retried forever.
      taken = Math.max(taken, 1);
      done.length = 0;
      failed.length = 0;
      for (const unit of units.slice(0, taken)) failed.push({ unit, error });
    } finally {
      scopeState.open = false;
    }
    if (done.length > 0) storage.succeeded();
    for (const { unit, opened, result } of done) {
      opened.release();
      unit.resolve(result as never);
    }
    for (const { unit, error } of failed) unit.reject(error);
    return { taken, fault: null };
  }

  return {
    change(work, { batchDelay, whenUnavailable = "reject" } = {}) {
      if (scope.getStore()?.open) {
        return Promise.reject(new Error("A change within a change would wait for itself: use the outer one"));
      }
      if (closed) return Promise.reject(new StorageUnavailable("The dashboard is stopping."));
      return new Promise((resolve, reject) => {
        const unit: Unit = { work, whenUnavailable, since: clock.now(), resolve, reject };
        // Changes that wait for the storage keep their places; one that does not wait is tried alone, since it may free space.
        if (stalled && whenUnavailable !== "wait" && !storage.available) {
          void runAlone(unit);
          return;
        }
        queue.push(unit);
        if (batchDelay === undefined) flushSoon(false);
        else if (batchDelay === 0) flushSoon(true);
        else flushWithin(batchDelay);
      });
    },
    resume,
    get inChange() {
      return scope.getStore()?.open === true;
    },
    get transactions() {
      return transactions;
    },
    get waiting() {
      return queue.length;
    },
    async close() {
      closed = true;
      flushSoon(false);
      while (flushing !== null) await flushing;
      timer?.cancel();
      const left = queue;
      queue = [];
      for (const unit of left) unit.reject(new StorageUnavailable("The dashboard stopped before this could be stored."));
    },
  };

  async function runAlone(unit: Unit): Promise<void> {
    while (flushing !== null) await flushing;
    await runExclusively(
      transaction([unit]).then(({ fault }) => {
        if (fault !== null) unit.reject(fault);
      }),
    );
  }
}

function keepsWaiting({ whenUnavailable, since }: Unit, { locked }: StorageUnavailable, now: number): boolean {
  switch (whenUnavailable) {
    case "wait":
      return true;
    case "reject":
      return locked && now - since < LOCK_TIMEOUT;
    case "reject-at-once":
      return false;
  }
}

/** Runs work in its own savepoint: if it throws, only its effects are undone. */
async function inSavepoint<T>(
  trx: Transaction<Database>,
  work: () => Promise<T>,
): Promise<{ ok: true; value: T } | { ok: false; error: unknown }> {
  await sql`savepoint unit`.execute(trx);
  try {
    const value = await work();
    await sql`release savepoint unit`.execute(trx);
    return { ok: true, value };
  } catch (error) {
    // The database undoes the whole transaction.
    if (error instanceof StorageUnavailable) throw error;
    await sql`rollback to savepoint unit`.execute(trx);
    await sql`release savepoint unit`.execute(trx);
    return { ok: false, error };
  }
}
