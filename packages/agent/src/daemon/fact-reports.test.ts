import type { FactsReading } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createBackground } from "./background.ts";
import { createFactReports } from "./fact-reports.ts";

/** Reports of facts that are numbered by how often they were read. */
function setUp() {
  const clock = createFakeClock();
  const background = createBackground({
    clock,
    log: createLog({ level: "error", clock, write: () => {}, secrets: [] }),
  });
  let reads = 0;
  const sent: number[] = [];
  const reading = (): FactsReading => ({ readAt: reads, facts: {} });
  const world = { print: "a", isUp: true, isChanged: true, fails: false };
  let held = Promise.resolve();
  const reports = createFactReports({
    facts: {
      refresh: async () => {
        reads++;
        await held;
        if (world.fails) throw new Error("too many open files");
        return world.isChanged ? reading() : undefined;
      },
      all: reading,
      current: () => ({}),
    },
    fingerprint: async () => world.print,
    background,
    clock,
    send: ({ readAt }) => {
      if (world.isUp) sent.push(readAt);
      return world.isUp;
    },
  });
  /** Readings do not end before the returned function is called. */
  const hold = () => {
    const gate = Promise.withResolvers<void>();
    held = gate.promise;
    return gate.resolve;
  };
  return { reports, world, clock, background, sent, hold, reads: () => reads };
}

test("what comes within a moment is read once, and told only if it has changed", async () => {
  const { reports, world, clock, sent, reads } = setUp();
  for (let i = 0; i < 5; i++) reports.tell();
  await clock.advanceAsync(100);
  expect([reads(), sent]).toEqual([1, [1]]);
  world.isChanged = false;
  reports.tell();
  await clock.advanceAsync(100);
  expect([reads(), sent]).toEqual([2, [1]]);
});

test("R20: what changed while the link was down is reported when it is up, once", async () => {
  const { reports, world, clock, sent } = setUp();
  world.isUp = false;
  reports.tell();
  await clock.advanceAsync(100);
  world.isUp = true;
  reports.onUp();
  reports.onUp();
  expect(sent).toEqual([1]);
});

test("facts are read again when what they depend on has changed, and after a quarter of an hour all the same", async () => {
  const { reports, world, clock, reads } = setUp();
  await reports.takeFingerprint();
  expect(await reports.check()).toBe(false);
  await clock.advanceAsync(100);
  expect(reads()).toBe(0);
  world.print = "b";
  for (let i = 0; i < 3; i++) {
    expect(await reports.check()).toBe(false);
    await clock.advanceAsync(100);
    expect(reads()).toBe(1);
  }
  clock.advance(15 * 60_000);
  expect(await reports.check()).toBe(true);
  expect(await reports.check()).toBe(false);
  await clock.advanceAsync(100);
  expect(reads()).toBe(2);
});

test("the first hello has the facts of the start, and each later one facts that are read for it", async () => {
  const { reports, reads } = setUp();
  reports.begin();
  await reports.freshen();
  expect(reads()).toBe(1);
  await reports.freshen();
  expect(reads()).toBe(2);
});

test("facts that change while they are read are read again after that, and a reading that fails is not the last", async () => {
  const { reports, world, clock, sent, hold, reads } = setUp();
  const release = hold();
  reports.tell();
  await clock.advanceAsync(100);
  world.fails = true;
  for (let i = 0; i < 3; i++) reports.tell();
  await clock.advanceAsync(1000);
  expect(reads()).toBe(1);
  release();
  await clock.advanceAsync(0);
  world.fails = false;
  await clock.advanceAsync(100);
  expect([reads(), sent]).toEqual([2, [2]]);
});

test("an agent that stops reads no more facts, not even those that were about to be read", async () => {
  const { reports, clock, background, reads } = setUp();
  reports.tell();
  background.stop();
  reports.tell();
  expect(clock.waiting).toBe(0);
  await clock.advanceAsync(1000);
  expect(reads()).toBe(0);
});
