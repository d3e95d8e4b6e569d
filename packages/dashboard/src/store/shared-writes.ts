import type { Clock } from "@nixfleet/runtime";
import type { Transaction } from "kysely";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { StorageUnavailable, type Store } from "./open.ts";
import type { Database } from "./schema.ts";

/** A transaction takes no further work after this many milliseconds: the process does nothing else meanwhile. */
const TRANSACTION_TIME = 40;
/** After a write that failed for want of storage, the next trial comes with `storage.changed`, or after this time at the latest. */
const RETRY_AFTER = 5000;

/** Writes of many hosts that share transactions (R43). */
export interface SharedWrites extends AsyncDisposable {
  /**
   * Does `work` in a transaction that other work may share, in the order of the calls, and resolves once it is stored durably. While
   * nothing can be stored it waits, with all that came after it: the caller bounds how much. Rejects if `work` throws, which undoes
   * nothing but this work; so `work` may be called more than once, and leaves what is said or sent to its caller. It may wait
   * `within` milliseconds for company, 0 by default: each transaction is flushed to disk, which takes a disk's time, not the
   * processor's, and stops the process meanwhile.
   */
  add<T>(work: (trx: Transaction<Database>) => Promise<T>, options?: { within?: number }): Promise<T>;
  /** Pieces of work that are not stored yet. */
  readonly waiting: number;
  /** Stores what waits, unless nothing can be stored, and takes no more. What is left is rejected with StorageUnavailable. */
  close(): Promise<void>;
}

interface Work {
  run: (trx: Transaction<Database>) => Promise<unknown>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

export function createSharedWrites({
  store,
  bus,
  clock,
  log,
}: {
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
}): SharedWrites {
  let queue: Work[] = [];
  let flushing: Promise<void> | null = null;
  let timer: { at: number; cancel(): void } | undefined;
  let stalled = false;
  let closed = false;

  const resume = () => {
    stalled = false;
    soon();
  };
  const stopListening = bus.on("storage.changed", () => void (store.storage.ok && resume()), { owner: "shared writes" });

  function soon(): void {
    timer?.cancel();
    timer = undefined;
    if (stalled || flushing !== null || queue.length === 0) return;
    // After this turn of the event loop: what other sockets have read in it comes along.
    flushing = new Promise<void>((resolve) => setImmediate(resolve)).then(flush).finally(() => {
      flushing = null;
      soon();
    });
  }

  function wakeWithin(ms: number): void {
    const at = clock.now() + ms;
    if (stalled || flushing !== null || (timer !== undefined && timer.at <= at)) return;
    timer?.cancel();
    timer = { at, cancel: clock.setTimeout(soon, ms).cancel };
  }

  function retry(): void {
    stalled = true;
    timer?.cancel();
    timer = { at: clock.now() + RETRY_AFTER, cancel: clock.setTimeout(resume, RETRY_AFTER).cancel };
  }

  /** One transaction with as much as fits its time. */
  async function flush(): Promise<void> {
    const batch = queue;
    queue = [];
    const done: { work: Work; result: unknown }[] = [];
    try {
      await store.write(async (trx) => {
        done.length = 0;
        const start = performance.now();
        for (const work of batch) {
          done.push({ work, result: await work.run(trx) });
          if (performance.now() - start > TRANSACTION_TIME) break;
        }
      });
    } catch (error) {
      if (error instanceof StorageUnavailable) {
        queue = [...batch, ...queue];
        retry();
        return;
      }
      log.warn({ err: error }, "A write failed; the ones that shared its transaction are done one by one");
      await separately(batch);
      return;
    }
    queue = [...batch.slice(done.length), ...queue];
    for (const { work, result } of done) work.resolve(result as never);
  }

  async function separately(batch: readonly Work[]): Promise<void> {
    for (const [place, work] of batch.entries()) {
      try {
        work.resolve((await store.write(work.run)) as never);
      } catch (error) {
        if (error instanceof StorageUnavailable) {
          queue = [...batch.slice(place), ...queue];
          retry();
          return;
        }
        work.reject(error);
      }
    }
  }

  const shared: SharedWrites = {
    add(run, { within = 0 } = {}) {
      return new Promise((resolve, reject) => {
        if (closed) {
          reject(new StorageUnavailable("The dashboard is stopping."));
          return;
        }
        queue.push({ run, resolve, reject });
        if (within === 0) soon();
        else wakeWithin(within);
      });
    },
    get waiting() {
      return queue.length;
    },
    async close() {
      closed = true;
      stopListening();
      soon();
      while (flushing !== null) await flushing;
      timer?.cancel();
      const left = queue;
      queue = [];
      for (const work of left) work.reject(new StorageUnavailable("The dashboard stopped before this could be stored."));
    },
    [Symbol.asyncDispose]: () => shared.close(),
  };
  return shared;
}
