import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createBackground } from "./background.ts";
import { createRounds } from "./rounds.ts";

function setUp() {
  const clock = createFakeClock();
  const background = createBackground({
    clock,
    log: createLog({ level: "error", clock, write: () => {}, secrets: [] }),
  });
  const calls: string[] = [];
  const world = { isUp: true, isWatched: false, isDue: false, hasWork: false, hasRepoProblem: false };
  const rounds = createRounds({
    background,
    facts: {
      look: async () => {
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
    scan: async () => void calls.push("scan"),
    hasWork: async () => world.hasWork,
    renew: async () => void calls.push("renew"),
    hasRepoProblem: () => world.hasRepoProblem,
  });
  /** What was called since the last look. */
  const called = () => calls.splice(0);
  return { rounds, clock, background, world, called };
}

test("once a minute all is looked at, spools before a runner is started, and again the minute after", async () => {
  const { rounds, clock, called } = setUp();
  rounds.start();
  await clock.advanceAsync(5000);
  called();
  await clock.advanceAsync(54_999);
  expect(called()).toEqual([]);
  for (let minute = 0; minute < 2; minute++) {
    await clock.advanceAsync(minute === 0 ? 1 : 60_000);
    expect(called()).toEqual(["metrics", "facts", "scan", "wake", "renew"]);
  }
});

test("metrics are not told twice while somebody watches, nor to nobody while the link is down", async () => {
  const { rounds, clock, world, called } = setUp();
  rounds.start();
  world.isWatched = true;
  await clock.advanceAsync(60_000);
  expect(called()).not.toContain("metrics");
  world.isWatched = false;
  world.isUp = false;
  await clock.advanceAsync(60_000);
  expect(called()).not.toContain("metrics");
});

test("while there is work it is looked every two seconds, by one round however often it was asked for, until there is none", async () => {
  const { rounds, clock, world, called } = setUp();
  world.hasWork = true;
  rounds.beBusy();
  await clock.advanceAsync(1500);
  // It does not put off the round that is due.
  for (let i = 0; i < 3; i++) rounds.beBusy();
  await clock.advanceAsync(500);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
  world.hasWork = false;
  await clock.advanceAsync(2000);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
  await clock.advanceAsync(10_000);
  expect(called()).toEqual([]);
});

test("work that nobody told of is found within a minute, and then looked at often", async () => {
  const { rounds, clock, world, called } = setUp();
  rounds.start();
  world.hasWork = true;
  await clock.advanceAsync(60_000);
  called();
  await clock.advanceAsync(2000);
  expect(called()).toEqual(["scan", "wake", "facts", "renew"]);
});

test("the repository is looked at when the link is up, or soon after the start; again only while it was out of reach", async () => {
  const { rounds, clock, world, called } = setUp();
  rounds.start();
  await rounds.probe();
  await clock.advanceAsync(5000);
  expect(called()).toEqual(["probe"]);
  await rounds.probe();
  expect(called()).toEqual([]);
  world.hasRepoProblem = true;
  await rounds.probe();
  expect(called()).toEqual(["probe"]);
  world.isDue = true;
  await clock.advanceAsync(55_000);
  expect(called()).toContain("probe");

  const early = setUp();
  early.world.hasRepoProblem = true;
  early.rounds.start();
  await early.rounds.probe();
  await early.clock.advanceAsync(5000);
  expect(early.called()).toEqual(["probe"]);

  const offline = setUp();
  offline.rounds.start();
  await offline.clock.advanceAsync(5000);
  expect(offline.called()).toEqual(["probe"]);
});
