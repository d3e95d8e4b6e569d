import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { callRunner } from "./call-runner.ts";

function setUp() {
  const clock = createFakeClock();
  const world = { isWakeLeft: false, isAlive: false };
  const files = {
    putWake: async () => {
      world.isWakeLeft = true;
    },
    isWakeLeft: async () => world.isWakeLeft,
  };
  return { world, clock, call: () => callRunner({ files, isRunnerAlive: async () => world.isAlive, clock }) };
}

test("a runner that was called has ended when it has taken the call and lives no more", async () => {
  const { call, world, clock } = setUp();
  const { ended } = await call();
  let end: unknown;
  void ended.then((how) => (end = how));
  world.isAlive = true;
  world.isWakeLeft = false;
  // However long it works.
  await clock.advanceAsync(120_000);
  expect(end).toBeUndefined();
  world.isAlive = false;
  await clock.advanceAsync(500);
  expect(end).toEqual({ code: 0, how: "its work" });
});

test("a service manager that starts no runner within half a minute is told as a fault", async () => {
  const { call, clock } = setUp();
  const { ended } = await call();
  let end: unknown;
  void ended.then((how) => (end = how));
  await clock.advanceAsync(29_000);
  expect(end).toBeUndefined();
  await clock.advanceAsync(2000);
  expect(end).toMatchObject({ code: null, how: expect.stringContaining("did not start it") });
  expect(clock.waiting).toBe(0);
});
