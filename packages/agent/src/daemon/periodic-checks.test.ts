import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createBackground } from "./background.ts";
import { createPeriodicChecks } from "./periodic-checks.ts";

function setUp() {
  const clock = createFakeClock();
  const background = createBackground({
    clock,
    log: createLog({ level: "error", clock, write: () => {}, secrets: [] }),
  });
  const calls: string[] = [];
  const world = { isUp: true, isWatched: false, isDue: false, hasWork: false, hasRepoProblem: false, scanFails: false };
  let answer = async () => world.hasWork;
  const checks = createPeriodicChecks({
    background,
    facts: {
      check: async () => {
        calls.push("facts");
        return world.isDue;
      },
    },
    metrics: {
      tell: async () => void calls.push("metrics"),
      get isWatched() {
        return world.isWatched;
      },
    },
    launcher: { wake: async () => void calls.push("wake"), probe: async () => void calls.push("probe") },
    isLinkUp: () => world.isUp,
    scan: async () => {
      calls.push("scan");
      if (world.scanFails) throw new Error("too many open files");
    },
    hasWork: () => answer(),
    renew: async () => void calls.push("renew"),
    hasRepoProblem: () => world.hasRepoProblem,
  });
  /** What was called since the last call. */
  const called = () => calls.splice(0);
  /** The next question whether there is work is answered "no" once the test says so. */
  const holdAnswer = () => {
    const gate = Promise.withResolvers<boolean>();
    const before = answer;
    answer = () => {
      answer = before;
      return gate.promise;
    };
    return () => gate.resolve(false);
  };
  return { checks, clock, background, world, called, holdAnswer };
}

test("once a minute everything is checked, spools before a runner is started, and again the minute after", async () => {
  const { checks, clock, called } = setUp();
  checks.start();
  await clock.advanceAsync(5000);
  called();
  await clock.advanceAsync(54_999);
  expect(called()).toEqual([]);
  for (let minute = 0; minute < 2; minute++) {
    await clock.advanceAsync(minute === 0 ? 1 : 60_000);
    expect(called()).toEqual(["metrics", "facts", "scan", "wake", "renew"]);
  }
});

test("metrics are not told twice while somebody is watching, nor to nobody while the link is down", async () => {
  const { checks, clock, world, called } = setUp();
  checks.start();
  world.isWatched = true;
  await clock.advanceAsync(60_000);
  expect(called()).not.toContain("metrics");
  world.isWatched = false;
  world.isUp = false;
  await clock.advanceAsync(60_000);
  expect(called()).not.toContain("metrics");
});

test("while there is work they run every two seconds, once however often that was asked for, until there is none", async () => {
  const { checks, clock, world, called } = setUp();
  world.hasWork = true;
  checks.beBusy();
  await clock.advanceAsync(1500);
  // It does not put off the round that is due.
  for (let i = 0; i < 3; i++) checks.beBusy();
  await clock.advanceAsync(500);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
  world.hasWork = false;
  await clock.advanceAsync(2000);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
  await clock.advanceAsync(10_000);
  expect(called()).toEqual([]);
});

test("a round that failed is followed by another: in two seconds while there was work, else in a minute", async () => {
  const { checks, clock, world, called } = setUp();
  checks.start();
  world.scanFails = true;
  checks.beBusy();
  await clock.advanceAsync(4000);
  expect(called()).toEqual(["scan", "scan"]);
  world.scanFails = false;
  await clock.advanceAsync(2000);
  expect(called()).toEqual(["probe", "scan", "wake", "facts", "renew"]);
  await clock.advanceAsync(50_000);
  expect(called()).toEqual([]);

  world.scanFails = true;
  await clock.advanceAsync(4000);
  expect(called()).toEqual(["metrics", "facts", "scan"]);
  world.scanFails = false;
  await clock.advanceAsync(60_000);
  expect(called()).toEqual(["metrics", "facts", "scan", "wake", "renew"]);
});

test("a run that is seen while a round asks whether work is left is not forgotten", async () => {
  const { checks, clock, called, holdAnswer } = setUp();
  checks.beBusy();
  const answerNo = holdAnswer();
  await clock.advanceAsync(2000);
  checks.beBusy();
  answerNo();
  await clock.advanceAsync(0);
  called();
  await clock.advanceAsync(2000);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
});

test("once the daemon stops, nothing is checked any more", async () => {
  const { checks, clock, background, called } = setUp();
  checks.start();
  checks.beBusy();
  background.stop();
  checks.beBusy();
  await checks.probe();
  await clock.advanceAsync(120_000);
  expect([called(), clock.waiting]).toEqual([[], 0]);
});

test("work that nobody told of is found within a minute, and then looked at often", async () => {
  const { checks, clock, world, called } = setUp();
  checks.start();
  world.hasWork = true;
  await clock.advanceAsync(60_000);
  called();
  await clock.advanceAsync(2000);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
});

test("the repository is looked at when the link is up, or soon after the start; again only while it was out of reach", async () => {
  const { checks, clock, world, called } = setUp();
  checks.start();
  await checks.probe();
  await clock.advanceAsync(5000);
  expect(called()).toEqual(["probe"]);
  await checks.probe();
  expect(called()).toEqual([]);
  world.hasRepoProblem = true;
  await checks.probe();
  expect(called()).toEqual(["probe"]);
  world.isDue = true;
  await clock.advanceAsync(55_000);
  expect(called()).toContain("probe");

  const early = setUp();
  early.world.hasRepoProblem = true;
  early.checks.start();
  await early.checks.probe();
  await early.clock.advanceAsync(5000);
  expect(early.called()).toEqual(["probe"]);

  const offline = setUp();
  offline.checks.start();
  await offline.clock.advanceAsync(5000);
  expect(offline.called()).toEqual(["probe"]);
});
