import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createRenewal } from "./renewal.ts";

/** An agent that was started from the closure `old`, which installs it by the text `unit 1`. */
async function setUp() {
  const world = { closure: "old" as string | undefined, hasWork: false };
  const installed: Record<string, string | undefined> = { old: "unit 1", same: "unit 1", next: "unit 2", none: undefined };
  let renewals = 0;
  const renewal = createRenewal({
    runningClosure: async () => world.closure,
    installedAgent: async (closure) => installed[closure],
    hasWork: async () => world.hasWork,
    log: createLog({ level: "error", clock: createFakeClock(), write: () => {}, secrets: [] }),
    onRenew: () => renewals++,
  });
  await renewal.begin();
  return { renewal, world, renewals: () => renewals };
}

test("R7: an agent makes way for another one only when no run is at work, and once", async () => {
  const { renewal, world, renewals } = await setUp();
  world.closure = "next";
  world.hasWork = true;
  await renewal.look();
  expect(renewals()).toBe(0);
  world.hasWork = false;
  await renewal.look();
  await renewal.look();
  expect(renewals()).toBe(1);
});

test("R7: a switch that was undone before its run was over leaves the agent where it was", async () => {
  const { renewal, world, renewals } = await setUp();
  world.closure = "next";
  world.hasWork = true;
  await renewal.look();
  world.closure = "old";
  world.hasWork = false;
  await renewal.look();
  expect(renewals()).toBe(0);
});

test.each(["old", "same", "none", undefined])(
  "R7: an agent stays when what runs is %s: no other one is installed",
  async (closure) => {
    const { renewal, world, renewals } = await setUp();
    world.closure = closure;
    await renewal.look();
    expect(renewals()).toBe(0);
  },
);
