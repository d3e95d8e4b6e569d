import { expect, test } from "vitest";
import { formatAge, formatAgo, formatClock, formatDuration, formatEstimate } from "./duration.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const plain = (text: string) => text.replaceAll("\u00a0", " ");

test.each([
  [0, "0 s"],
  [-5, "0 s"],
  [999, "0 s"],
  [2 * SECOND, "2 s"],
  [59_999, "59 s"],
  [MINUTE, "1 min 00 s"],
  [4 * MINUTE + 2 * SECOND, "4 min 02 s"],
  [HOUR + 5 * MINUTE + 59 * SECOND, "1 h 05 min"],
  [DAY, "1 d"],
  [41 * DAY + 6 * HOUR, "41 d 6 h"],
])("a duration of %i ms reads %s", (ms, text) => {
  expect(plain(formatDuration(ms))).toBe(text);
});

test.each([
  [3 * SECOND, "3 s"],
  [12 * MINUTE + 30 * SECOND, "12 min"],
  [3 * HOUR + 59 * MINUTE, "3 h"],
  [6 * DAY, "6 d"],
  [400 * DAY, "400 d"],
])("an age of %i ms reads %s", (ms, text) => {
  expect(plain(formatAge(ms))).toBe(text);
});

test.each([
  [0, "~1 s"],
  [8_200, "~9 s"],
  [61 * SECOND, "~2 min"],
  [HOUR + 1, "~2 h"],
])("an estimate of %i ms is rounded up to %s", (ms, text) => {
  expect(plain(formatEstimate(ms))).toBe(text);
});

test("a moment ahead of the browser's clock is now, never a negative age", () => {
  expect(formatAgo(10_000, 4_000)).toBe("just now");
});

test("a number and its unit are joined by a no-break space", () => {
  expect(formatDuration(MINUTE)).toContain("1\u00a0min");
});

test("a time of day has its date only when that is not today", () => {
  const noon = new Date(2026, 3, 5, 12, 4).getTime();
  expect(formatClock(noon, noon + HOUR)).toBe("12:04");
  expect(formatClock(noon, noon + DAY)).toMatch(/5.*12:04/);
});
