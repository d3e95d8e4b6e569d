import { expect, test } from "vitest";
import { createFakeClock } from "./fake-clock.ts";

test("timers fall due in order of their time, then of their making, and see that time", () => {
  const clock = createFakeClock(1000);
  const seen: string[] = [];
  clock.setTimeout(() => seen.push(`late ${clock.now()}`), 20);
  clock.setTimeout(() => seen.push(`first ${clock.now()}`), 10);
  clock.setTimeout(() => seen.push(`second ${clock.now()}`), 10);
  clock.advance(9);
  expect(seen).toEqual([]);
  clock.advance(11);
  expect(seen).toEqual(["first 1010", "second 1010", "late 1020"]);
  expect({ now: clock.now(), waiting: clock.waiting }).toEqual({ now: 1020, waiting: 0 });
});

test("a timer set by a timer falls due in the same advance, and a cancelled one never", () => {
  const clock = createFakeClock(0);
  const seen: number[] = [];
  const tick = () => {
    seen.push(clock.now());
    clock.setTimeout(tick, 10);
  };
  clock.setTimeout(tick, 10);
  clock.setTimeout(() => seen.push(-1), 5).cancel();
  clock.advance(35);
  expect(seen).toEqual([10, 20, 30]);
});

test("advanceAsync follows code that awaits between two timers", async () => {
  const clock = createFakeClock(0);
  const wait = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  const seen: number[] = [];
  void (async () => {
    for (let i = 0; i < 3; i++) {
      await wait(10);
      seen.push(clock.now());
    }
  })();
  await clock.advanceAsync(25);
  expect(seen).toEqual([10, 20]);
});

test("a jump of the wall clock fires nothing and shifts no timer", () => {
  const clock = createFakeClock(0);
  let fired = false;
  clock.setTimeout(() => {
    fired = true;
  }, 100);
  clock.jump(3_600_000);
  expect({ fired, now: clock.now() }).toEqual({ fired: false, now: 3_600_000 });
  clock.advance(100);
  expect(fired).toBe(true);
});
