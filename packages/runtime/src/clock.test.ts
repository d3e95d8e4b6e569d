import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";

afterEach(() => vi.useRealTimers());

const DAY = 24 * 60 * 60_000;

test("A timer may be longer than Node's own, which would fire at once after 24.8 days", () => {
  vi.useFakeTimers();
  let fired = 0;
  systemClock.setTimeout(() => fired++, 60 * DAY);
  vi.advanceTimersByTime(60 * DAY - 1);
  expect(fired).toBe(0);
  vi.advanceTimersByTime(1);
  expect(fired).toBe(1);
  vi.advanceTimersByTime(60 * DAY);
  expect(fired).toBe(1);
});

test("A long timer can be cancelled in each of its parts", () => {
  vi.useFakeTimers();
  let fired = 0;
  const timer = systemClock.setTimeout(() => fired++, 60 * DAY);
  vi.advanceTimersByTime(50 * DAY);
  timer.cancel();
  vi.advanceTimersByTime(60 * DAY);
  expect({ fired, waiting: vi.getTimerCount() }).toEqual({ fired: 0, waiting: 0 });
});
