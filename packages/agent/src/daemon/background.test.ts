import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createBackground } from "./background.ts";

function setUp() {
  const clock = createFakeClock();
  const logged: { event: string; name: string }[] = [];
  const log = createLog({ level: "error", clock, write: (line) => logged.push(JSON.parse(line)), secrets: [] });
  return { clock, logged, background: createBackground({ clock, log }) };
}

test("work that fails is logged with its name and ends nothing; recurring work goes on", async () => {
  const { background, clock, logged } = setUp();
  background.run("facts", Promise.reject(new Error("no")));
  let rounds = 0;
  background.every("idle", 10, async () => {
    rounds += 1;
    throw new Error("no");
  });
  await clock.advanceAsync(20);
  expect(rounds).toBe(2);
  expect(logged).toMatchObject([
    { event: "work-failed", name: "facts" },
    { event: "work-failed", name: "idle" },
    { event: "work-failed", name: "idle" },
  ]);
});

test("once stopped, no timer is left and no round begins; the one under way runs to its end", async () => {
  const { background, clock, logged } = setUp();
  const gate = Promise.withResolvers<void>();
  const done: string[] = [];
  background.every("busy", 10, async () => {
    await gate.promise;
    done.push("busy");
  });
  const idle = background.every("idle", 20, async () => void done.push("idle"));
  await clock.advanceAsync(10);
  background.stop();
  const late = background.every("late", 10, async () => void done.push("late"));
  expect(clock.waiting).toBe(0);
  gate.resolve();
  for (const loop of [idle, late]) {
    loop.reschedule();
    await loop.runNow();
  }
  await clock.advanceAsync(60);
  expect([done, logged]).toEqual([["busy"], []]);
});
