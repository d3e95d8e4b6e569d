import { createFakeClock } from "@nixfleet/testkit";
import type { Kysely } from "kysely";
import { expect, test } from "vitest";
import { createChangeQueue } from "./change-queue.ts";
import type { Database } from "./schema.ts";
import { StorageUnavailable } from "./storage-fault.ts";
import { quiet } from "./store.fixture.ts";

/** A queue before a database whose transactions all fail; what it tells of the storage, and how many were begun. */
function createFailingQueue(fault: Error) {
  const clock = createFakeClock();
  const seen = { begun: 0, failed: 0, succeeded: 0 };
  const execute = () => {
    seen.begun += 1;
    return Promise.reject(fault);
  };
  const queue = createChangeQueue({
    db: { transaction: () => ({ execute }) } as unknown as Kysely<Database>,
    clock,
    sinks: { publish: () => {}, send: () => {}, log: quiet, now: () => 0 },
    storage: { available: true, failed: () => void seen.failed++, succeeded: () => void seen.succeeded++ },
  });
  return { clock, queue, seen };
}

const locked = () => createFailingQueue(new StorageUnavailable("locked", { locked: true }));

test("a transaction that cannot even begin, for a reason that is no storage fault, rejects its changes instead of being tried without end", async () => {
  const { queue, seen } = createFailingQueue(new Error("no memory"));
  const changes = ["a", "b"].map(() => queue.change(async () => {}, { whenUnavailable: "wait" }));
  for (const change of changes) await expect(change).rejects.toThrow("no memory");
  expect(seen.begun).toBeLessThanOrEqual(changes.length);
  // It says nothing of the storage, for better or worse.
  expect(seen).toMatchObject({ failed: 0, succeeded: 0 });
});

test("R41: a change waits two seconds for another program's lock, tried every 50 ms, and is rejected then", async () => {
  const { clock, queue, seen } = locked();
  let fault: unknown;
  void queue.change(async () => {}).catch((error: unknown) => (fault = error));
  await clock.advanceAsync(1999);
  expect([fault, seen.begun, queue.waiting]).toEqual([undefined, 40, 1]);
  await clock.advanceAsync(1);
  expect(fault).toBeInstanceOf(StorageUnavailable);
  expect([seen.begun, queue.waiting]).toEqual([41, 0]);
});

test("a change that is to be rejected at once does not wait for a lock, and one that waits does so without end", async () => {
  const { clock, queue } = locked();
  const waiting = queue.change(async () => {}, { whenUnavailable: "wait" });
  await expect(queue.change(async () => {}, { whenUnavailable: "reject-at-once" })).rejects.toThrow("locked");
  await clock.advanceAsync(60_000);
  expect([queue.waiting, clock.waiting]).toEqual([1, 1]);
  await Promise.all([expect(waiting).rejects.toThrow("stopped before this could be stored"), queue.close()]);
  // It tries no more.
  expect([queue.waiting, clock.waiting]).toEqual([0, 0]);
  await expect(queue.change(async () => {})).rejects.toThrow("The dashboard is stopping.");
});

test("while another program has the lock, what comes keeps its place, and no delay of it puts off the next attempt", async () => {
  const { clock, queue, seen } = locked();
  void queue.change(async () => {}, { whenUnavailable: "wait" }).catch(() => {});
  await clock.advanceAsync(0);
  expect(seen.begun).toBe(1);
  let fault: unknown;
  void queue.change(async () => {}).catch((error: unknown) => (fault = error));
  for (const batchDelay of [0, 10, 1000])
    void queue.change(async () => {}, { batchDelay, whenUnavailable: "wait" }).catch(() => {});
  await clock.advanceAsync(49);
  expect([seen.begun, queue.waiting, fault]).toEqual([1, 5, undefined]);
  await clock.advanceAsync(1);
  expect([seen.begun, queue.waiting, fault]).toEqual([2, 5, undefined]);
  await queue.close();
});

test("what fails for another reason than a lock is not tried again by the queue itself", async () => {
  const { clock, queue, seen } = createFailingQueue(new StorageUnavailable("full"));
  const waiting = queue.change(async () => {}, { whenUnavailable: "wait" });
  await clock.advanceAsync(60_000);
  expect([seen.begun, seen.failed, queue.waiting, clock.waiting]).toEqual([1, 1, 1, 0]);
  queue.resume();
  await clock.advanceAsync(1);
  expect([seen.begun, queue.waiting]).toEqual([2, 1]);
  await Promise.all([expect(waiting).rejects.toThrow(StorageUnavailable), queue.close()]);
});
