import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createBus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { createSharedWrites, openStore, StorageUnavailable } from "./index.ts";

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

async function open() {
  const clock = createFakeClock();
  const bus = createBus({ log: quiet });
  let limit: (pages: number) => void = () => {};
  const store = await openStore({ path: ":memory:", clock, bus, log: quiet, onLimit: (set) => (limit = set) });
  const writes = createSharedWrites({ store, bus, clock, log: quiet });
  const put = (key: string, { within = 0, size = 1 } = {}) =>
    writes.add(
      async (trx) => {
        await trx
          .insertInto("meta")
          .values({ key, value: "x".repeat(size) })
          .execute();
        return key;
      },
      { within },
    );
  const keys = async () => (await store.db.selectFrom("meta").select("key").orderBy("key").execute()).map((row) => row.key);
  return { clock, store, writes, put, keys, limit: (pages: number) => limit(pages) };
}

test("R43: what comes together is stored in one transaction, in order, and each caller has its own answer", async () => {
  const { store, put, keys, writes } = await open();
  const before = store.writes;
  expect(await Promise.all(["a", "b", "c"].map((key) => put(key)))).toEqual(["a", "b", "c"]);
  expect(store.writes - before).toBe(1);
  expect(await keys()).toEqual(["a", "b", "c"]);
  await writes.close();
});

test("work that fails undoes nothing but itself", async () => {
  const { put, keys, writes } = await open();
  const [first, second, third] = await Promise.allSettled([put("a"), put("a"), put("b")]);
  expect([first?.status, second?.status, third?.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await keys()).toEqual(["a", "b"]);
  await writes.close();
});

test("work may wait for company: until its time is up, or until somebody comes who does not wait", async () => {
  const { clock, store, put, keys, writes } = await open();
  const patient = put("a", { within: 100 });
  clock.advance(99);
  expect(await keys()).toEqual([]);
  clock.advance(1);
  await patient;
  const before = store.writes;
  await Promise.all([put("b", { within: 1000 }), put("c")]);
  expect(store.writes - before).toBe(1);
  await writes.close();
});

test("while nothing can be stored work waits in its order, and is stored when there is room; what is left at the end is rejected", async () => {
  const { clock, store, put, keys, limit, writes } = await open();
  limit(1);
  const big = put("a", { size: 500_000 });
  await expect(
    store.write((trx) =>
      trx
        .insertInto("meta")
        .values({ key: "z", value: "x".repeat(500_000) })
        .execute(),
    ),
  ).rejects.toThrow(StorageUnavailable);
  const small = put("b");
  limit(1_000_000);
  await clock.advanceAsync(10_000);
  expect(await Promise.all([big, small])).toEqual(["a", "b"]);
  expect(await keys()).toEqual(["a", "b"]);

  limit(1);
  const never = put("c", { size: 5_000_000 });
  await Promise.all([expect(never).rejects.toThrow(StorageUnavailable), writes.close()]);
  await expect(put("d")).rejects.toThrow(StorageUnavailable);
});
