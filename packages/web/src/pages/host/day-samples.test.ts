import { expect, test } from "vitest";
import { daySamples, peakOf } from "./day-samples.ts";

const SLOT = 300_000;
const NOW = 1_000 * SLOT + 1_000;

test("R24: a day has 288 samples; a missing one is a gap, a measured zero is a zero", () => {
  const samples = daySamples(
    [
      { at: NOW, cpu: 0 },
      { at: NOW - SLOT, cpu: null },
      { at: NOW - 2 * SLOT, cpu: 0.5 },
      { at: NOW - 400 * SLOT, cpu: 1 },
      { at: NOW + 5 * SLOT, cpu: 1 },
    ],
    (item) => item.cpu,
    NOW,
  );
  expect(samples).toHaveLength(288);
  expect(samples.slice(-3)).toEqual([0.5, undefined, 0]);
  expect(samples.filter((sample) => sample !== undefined)).toHaveLength(2);
});

test("the peak has its time, and there is none without measurements", () => {
  const items = [
    { at: 1, cpu: 0.1 },
    { at: 2, cpu: 0.96 },
    { at: 3, cpu: null },
  ];
  expect(peakOf(items, (item) => item.cpu)).toEqual({ value: 0.96, at: 2 });
  expect(peakOf([], () => 1)).toBeUndefined();
});
