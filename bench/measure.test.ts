import { expect, test } from "vitest";
import { median, percentile, readProcess } from "./measure.ts";

test("a median and percentiles are values that were measured", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.99)).toBe(10);
  expect(percentile([7], 0.5)).toBe(7);
  expect(() => median([])).toThrow("nothing");
});

test("a process's memory and CPU are read", async () => {
  const reading = await readProcess(process.pid);
  expect(reading.rss).toBeGreaterThan(1_000_000);
  expect(reading.peak).toBeGreaterThanOrEqual(reading.rss);
  expect(reading.cpu).toBeGreaterThan(0);
});
