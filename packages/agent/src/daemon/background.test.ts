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

test("work that fails is logged with its name, and ends nothing", async () => {
  const { background, clock, logged } = setUp();
  background.run("facts", Promise.reject(new Error("no")));
  background.after("idle", 10, async () => {
    throw new Error("no");
  });
  await clock.advanceAsync(10);
  expect(logged).toMatchObject([
    { event: "work-failed", name: "facts" },
    { event: "work-failed", name: "idle" },
  ]);
});

test("of timers with one name the last one counts, and one that has fired waits no more", async () => {
  const { background, clock } = setUp();
  const done: string[] = [];
  background.after("busy", 10, async () => void done.push("first"));
  background.after("busy", 20, async () => void done.push("second"));
  background.after("idle", 15, async () => void done.push("idle"));
  expect(clock.waiting).toBe(2);
  await clock.advanceAsync(15);
  expect(done).toEqual(["idle"]);
  expect([background.waits("busy"), background.waits("idle")]).toEqual([true, false]);
  await clock.advanceAsync(5);
  expect(done).toEqual(["idle", "second"]);
});

test("once stopped, no timer waits and none is taken", () => {
  const { background, clock } = setUp();
  background.after("idle", 10, async () => {});
  background.stop();
  background.after("busy", 10, async () => {});
  expect(clock.waiting).toBe(0);
  expect([background.stopped, background.waits("idle"), background.waits("busy")]).toEqual([true, false, false]);
});
