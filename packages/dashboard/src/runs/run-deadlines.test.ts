import type { RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { Store } from "../store/index.ts";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { newRow } from "./records.ts";
import { queuedRun } from "./run.fixture.ts";
import { createRunDeadlines } from "./run-deadlines.ts";

const HOUR = 3_600_000;
const idOf = (place: number) => `01j${String(place).padStart(23, "0")}` as RunId;

/** Deadlines over real rows; a tick notes the run and sets when it is due next, null unless the test says otherwise. */
async function open() {
  const clock = createFakeClock();
  const { store } = await openTestStore({ clock });
  const start = clock.now();
  const ticked: RunId[] = [];
  let faults = 0;
  let tick = async (_id: RunId): Promise<number | null> => null;
  const failing: Store = Object.create(store, {
    db: {
      get() {
        if (faults === 0) return store.db;
        faults -= 1;
        throw new Error("The disk fails");
      },
    },
  });
  const deadlines = createRunDeadlines({
    store: failing,
    clock,
    log: quiet,
    presence: { isConnected: () => false },
    dispatcher: () => ({
      async apply({ db }, { id }) {
        ticked.push(id);
        const due_at = await tick(id);
        await db.updateTable("runs").set({ due_at }).where("id", "=", id).execute();
      },
    }),
  });
  /** Runs that are due so many milliseconds after the start. */
  const add = (...due: number[]) =>
    store.change(async ({ db }) => {
      for (const [place, ms] of due.entries()) {
        const row = newRow(queuedRun({ id: idOf(place), hostId: null }), { number: place + 1, subject: null });
        await db
          .insertInto("runs")
          .values({ ...row, due_at: start + ms })
          .execute();
      }
    });
  /** Lets time pass, and what is begun by it come to its end. */
  const pass = async (ms: number) => {
    await clock.advanceAsync(ms);
    for (let turn = 0; turn < 20; turn++) await clock.advanceAsync(0);
    return ticked.splice(0);
  };
  return {
    store,
    clock,
    deadlines,
    ticked,
    add,
    pass,
    failNext: (times: number) => {
      faults = times;
    },
    onTick: (next: typeof tick) => {
      tick = next;
    },
    async [Symbol.asyncDispose]() {
      await deadlines.stop();
      await store.close();
    },
  };
}

test("R11: each wake arms the next one: a run is ticked when it is due, though nobody asks", async () => {
  await using at = await open();
  await at.add(HOUR / 2, 3 * HOUR, 40 * HOUR);
  await at.deadlines.wake();
  expect(at.ticked).toEqual([]);
  expect(await at.pass(HOUR / 2)).toEqual([idOf(0)]);
  expect(await at.pass(2.5 * HOUR)).toEqual([idOf(1)]);
  expect(await at.pass(36 * HOUR)).toEqual([]);
  expect(await at.pass(HOUR)).toEqual([idOf(2)]);
});

test("R11: a wake that failed is followed by another one, however often it fails", async () => {
  await using at = await open();
  await at.add(0);
  at.failNext(3);
  await at.deadlines.wake();
  expect(await at.pass(4999)).toEqual([]);
  await at.pass(1);
  await at.pass(5000);
  expect(at.ticked).toEqual([]);
  expect(await at.pass(5000)).toEqual([idOf(0)]);
});

test("R11: a run whose tick fails is ticked again five seconds later, and stops none beside it", async () => {
  await using at = await open();
  await at.add(0, 0, 2 * HOUR);
  let broken = true;
  at.onTick(async (id) => {
    if (id === idOf(0) && broken) throw new Error("It cannot be read");
    return null;
  });
  await at.deadlines.wake();
  expect(at.ticked.splice(0)).toEqual([idOf(0), idOf(1)]);
  broken = false;
  expect(await at.pass(4999)).toEqual([]);
  expect(await at.pass(1)).toEqual([idOf(0)]);
  expect(await at.pass(2 * HOUR)).toEqual([idOf(2)]);
});

test("R11: more runs than one round takes are all ticked, without time passing", async () => {
  await using at = await open();
  await at.add(...Array.from({ length: 450 }, () => 0));
  await at.deadlines.wake();
  expect(at.ticked).toHaveLength(200);
  while (at.ticked.length < 450) await at.clock.advanceAsync(0);
  expect(new Set(at.ticked).size).toBe(450);
});

test("a run that is no longer due when its turn comes is left alone", async () => {
  await using at = await open();
  await at.add(0);
  const waking = at.deadlines.wake();
  const put = at.store.change(({ db }) =>
    db
      .updateTable("runs")
      .set({ due_at: at.clock.now() + HOUR })
      .execute(),
  );
  await Promise.all([waking, put]);
  expect(at.ticked).toEqual([]);
  expect(await at.pass(HOUR)).toEqual([idOf(0)]);
});

test("the earliest time that was named counts, and none does after the stop", async () => {
  await using at = await open();
  await at.deadlines.wake();
  const start = at.clock.now();
  at.deadlines.wakeAt(start + HOUR / 2);
  at.deadlines.wakeAt(start + 1000);
  at.deadlines.wakeAt(start + HOUR / 4);
  expect(at.clock.waiting).toBe(1);
  await at.add(900);
  expect(await at.pass(999)).toEqual([]);
  expect(await at.pass(1)).toEqual([idOf(0)]);
  at.deadlines.wakeAt(start + HOUR);
  await at.deadlines.stop();
  at.deadlines.wakeAt(start + HOUR);
  expect(at.clock.waiting).toBe(0);
});

test("R70: a clock that was set forward by days is noticed within the hour", async () => {
  await using at = await open();
  await at.add(10 * 24 * HOUR);
  await at.deadlines.wake();
  at.clock.jump(10 * 24 * HOUR);
  expect(await at.pass(HOUR)).toEqual([idOf(0)]);
});
