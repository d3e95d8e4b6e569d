import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createRunnerLauncher } from "./runner-launcher.ts";

function setUp() {
  const clock = createFakeClock();
  const runners: { end(code: number | null, how?: string): void }[] = [];
  const problems: (string | undefined)[] = [];
  const world = { work: [] as string[], otherIsAlive: false };
  const launcher = createRunnerLauncher({
    clock,
    log: createLog({ level: "error", clock, write: () => {}, secrets: [] }),
    launch: async () => {
      const ended = Promise.withResolvers<{ code: number | null; how: string }>();
      runners.push({ end: (code, how = `exit code ${code}`) => ended.resolve({ code, how }) });
      return { pid: runners.length, ended: ended.promise };
    },
    isRunnerAlive: async () => world.otherIsAlive,
    work: async () => world.work,
    onEnded: (problem) => problems.push(problem),
  });
  return { clock, launcher, runners, problems, world };
}

test("a runner is started when there is work, one at a time, and not while another one is alive", async () => {
  const { launcher, runners, world } = setUp();
  await launcher.wake();
  expect(runners).toHaveLength(0);
  world.work = ["a"];
  world.otherIsAlive = true;
  await launcher.wake();
  expect(runners).toHaveLength(0);
  world.otherIsAlive = false;
  await Promise.all([launcher.wake(), launcher.wake(), launcher.probe()]);
  expect(runners).toHaveLength(1);
});

test("work that came while a runner ended is done by another one at once", async () => {
  const { clock, launcher, runners, problems, world } = setUp();
  world.work = ["a"];
  await launcher.wake();
  world.work = ["b"];
  runners[0]?.end(0);
  await clock.advanceAsync(0);
  expect(runners).toHaveLength(2);
  expect(problems).toEqual([undefined]);
});

test("a runner that ends without doing its work is started again ever more rarely, and the problem is told", async () => {
  const { clock, launcher, runners, problems, world } = setUp();
  world.work = ["a"];
  await launcher.wake();
  const starts: number[] = [];
  for (let i = 0; i < 9; i++) {
    const from = clock.now();
    runners.at(-1)?.end(i % 2 === 0 ? 2 : 0);
    const before = runners.length;
    while (runners.length === before) await clock.advanceAsync(500);
    starts.push(clock.now() - from);
  }
  expect(starts).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect(problems[0]).toBe("The runner ended with exit code 2 and left its work undone.");
  world.work = [];
  runners.at(-1)?.end(0);
  await clock.advanceAsync(0);
  expect(problems.at(-1)).toBeUndefined();
  expect(clock.waiting).toBe(0);
});

test("a probe starts a runner without work; once stopped, nothing is started", async () => {
  const { clock, launcher, runners, world } = setUp();
  await launcher.probe();
  expect(runners).toHaveLength(1);
  world.work = ["a"];
  launcher.stop();
  runners[0]?.end(null, "SIGKILL");
  await clock.advanceAsync(100_000);
  await launcher.wake();
  expect(runners).toHaveLength(1);
});

test("a runner that did its work ends the growing pauses of those that did not", async () => {
  const { clock, launcher, runners, world } = setUp();
  world.work = ["a"];
  await launcher.wake();
  for (const [n, pause] of [1000, 2000].entries()) {
    runners[n]?.end(1);
    await clock.advanceAsync(pause);
    expect(runners).toHaveLength(n + 2);
  }
  world.work = ["b"];
  runners[2]?.end(0);
  await clock.advanceAsync(0);
  expect(runners).toHaveLength(4);
  runners[3]?.end(1);
  await clock.advanceAsync(999);
  expect(runners).toHaveLength(4);
  await clock.advanceAsync(1);
  expect(runners).toHaveLength(5);
});

test("a stop while a runner is paused leaves no timer", async () => {
  const { clock, launcher, runners, world } = setUp();
  world.work = ["a"];
  await launcher.wake();
  runners[0]?.end(1);
  await clock.advanceAsync(0);
  expect(clock.waiting).toBe(1);
  launcher.stop();
  expect(clock.waiting).toBe(0);
  await launcher.wake();
  expect(runners).toHaveLength(1);
});
