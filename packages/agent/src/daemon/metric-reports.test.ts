import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { MetricsReader } from "../facts/metrics.ts";
import { createLog } from "../log.ts";
import { createBackground } from "./background.ts";
import { createMetricReports } from "./metric-reports.ts";

function setUp() {
  const clock = createFakeClock();
  const background = createBackground({
    clock,
    log: createLog({ level: "error", clock, write: () => {}, secrets: [] }),
  });
  let reads = 0;
  const failing = new Set<number>();
  const sent: number[] = [];
  const read = async () => {
    reads += 1;
    if (failing.has(reads)) throw new Error("too many open files");
    return reads;
  };
  const metrics = { read } as unknown as MetricsReader;
  const reports = createMetricReports({ metrics, background, interval: 1000, send: (measured) => sent.push(Number(measured)) });
  return { reports, clock, sent, failing };
}

test("the first measurement is told to nobody: it is what the next one is held against", async () => {
  const { reports, clock, sent } = setUp();
  reports.begin();
  await clock.advanceAsync(0);
  await reports.tell();
  expect(sent).toEqual([2]);
});

test("L14: while somebody is watching it is measured at once and then each interval, and no longer than that", async () => {
  const { reports, clock, sent } = setUp();
  reports.watch(true);
  expect(reports.isWatched).toBe(true);
  await clock.advanceAsync(2000);
  expect(sent).toEqual([1, 2, 3]);
  // Asked for twice: still one measurement in each interval.
  reports.watch(true);
  await clock.advanceAsync(1000);
  expect(sent).toEqual([1, 2, 3, 4, 5]);
  reports.watch(false);
  await clock.advanceAsync(5000);
  expect([sent.length, clock.waiting, reports.isWatched]).toEqual([5, 0, false]);
});

test("L14: nobody watches any more while it is being measured: there is no other measurement", async () => {
  const { reports, clock } = setUp();
  reports.watch(true);
  reports.watch(false);
  await clock.advanceAsync(0);
  expect(clock.waiting).toBe(0);
});

test("L14: a measurement that fails is not the last one while somebody is watching", async () => {
  const { reports, clock, sent, failing } = setUp();
  failing.add(1).add(2);
  reports.watch(true);
  await clock.advanceAsync(3000);
  expect(sent).toEqual([3, 4]);
});
