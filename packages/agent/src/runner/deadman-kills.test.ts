import { readFile, writeFile } from "node:fs/promises";
import type { RunEvent } from "@nixfleet/protocol";
import { lockOwner } from "@nixfleet/runtime";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { monotonicNow } from "../deadman/moment.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { eventsOf } from "./host.fixture.ts";
import { activating, createHostThatRuns, expectTruth, inConfirm, pretendAnotherBoot, secret } from "./killed-host.fixture.ts";
import { kill, startRunner } from "./runner-process.fixture.ts";

const hostThatRuns = createHostThatRuns();

test("R4, R37: a runner that is killed in an armed activation: the next one continues with it, and confirms", async () => {
  const { host, first, second } = await hostThatRuns({ next: { activationSeconds: 1 } });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await using runner = startRunner(host);
  await host.seen(runId, activating);
  await kill(runner);
  await host.run();
  expect(await expectTruth(host, runId, { first, second })).toEqual({ state: "succeeded" });
  const phases = eventsOf(await host.events(runId), "phase").map(({ phase }) => phase);
  expect(phases).toEqual(["fetch", "evaluate", "build", "diff", "activate", "confirm"]);
});

test("R37: runner and daemon are dead: the host goes back by itself, and the next runner says so", async () => {
  const { host, layout, first, second, until } = await hostThatRuns({ answer: 409, confirmTimeout: 2 });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => inConfirm(event) || (event.kind === "phase" && event.phase === "undo"));
  await kill(runner);
  await until(async () => !(await exists(layout.deadman)));
  expect(await host.deps.platform.runningClosure()).toBe(first);
  expect(await exists(layout.run(runId).outcome)).toBe(false);
  await host.run();
  expect(await expectTruth(host, runId, { first })).toMatchObject({ state: "rolled-back", code: "not-confirmed" });
});

test.for(["the boot's own unit", "the next runner"])("R6, R37: the host dies within the window: %s undoes", async (who) => {
  const { host, layout, first, second } = await hostThatRuns({ answer: 409 });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await using runner = startRunner(host);
  await host.seen(runId, inConfirm);
  await kill(runner);
  expect(await host.deps.platform.runningClosure()).not.toBe(first);
  if (who === "the boot's own unit") {
    // A switch that starts that unit is no boot.
    await using early = startRunner(host, ["deadman", "--boot"]);
    await new Promise((resolve) => early.once("exit", resolve));
    expect(await exists(layout.deadman)).toBe(true);
  }
  await pretendAnotherBoot(host, runId);
  if (who === "the boot's own unit") {
    await using boot = startRunner(host, ["deadman", "--boot"]);
    await new Promise((resolve) => boot.once("exit", resolve));
    expect(await host.deps.platform.runningClosure()).toBe(first);
  }
  await host.run();
  expect(await expectTruth(host, runId, { first })).toMatchObject({ state: "rolled-back", code: "host-restarted" });
});

test("R6: power is lost in an activation that nothing undoes: the run says that the host went down", async () => {
  const { host, first, second } = await hostThatRuns({ confirmTimeout: 0, next: { activationSeconds: 600 } });
  const runId = await host.ask("switch", {}, { commit: second });
  await using runner = startRunner(host);
  await host.seen(runId, activating);
  await kill(runner);
  const path = runnerLayout(host.config.runnerDir).run(runId).process;
  const left = await host.processesOf(runId);
  for (const { pid } of left) process.kill(pid, "SIGKILL");
  await writeFile(path, (await readFile(path, "utf8")).replaceAll(/"bootId":"[^"]*"/g, '"bootId":"the-boot-before"'));
  await host.run();
  expect(await host.outcome(runId)).toMatchObject({ state: "failed", code: "host-restarted" });
  expect((await host.outcome(runId)).reason).toContain(`The host runs ${first}.`);
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
});

test("R37: an undo that is killed in the middle is done again, for the reason that it had", async () => {
  const { host, layout, first, second, until } = await hostThatRuns({
    answer: 409,
    confirmTimeout: 2,
    old: { activationSeconds: 1 },
  });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "armed");
  await kill(runner);
  const before = (await host.activations()).length;
  // The timer's own process holds the lock while it works.
  const undoer = await until(() => lockOwner(layout.deadmanLock));
  await until(async () => (await host.activations()).length > before && (await host.activations()).at(-1) === `test ${first}`);
  process.kill(undoer.pid, "SIGKILL");
  expect(await exists(layout.deadman)).toBe(true);
  await host.run();
  expect(await expectTruth(host, runId, { first })).toMatchObject({ state: "rolled-back", code: "not-confirmed" });
  expect((await host.activations()).slice(before).filter((line) => line === `test ${first}`)).toHaveLength(2);
});

test("R1, R37: runners killed at any moment of a switch, whatever the dashboard says: one outcome, and it is what runs", async () => {
  const { host, dashboard, first } = await hostThatRuns();
  let back = first;
  let number = 0;
  const moment = fc.record({
    phase: fc.constantFrom("diff", "activate", "activate", "confirm", "confirm"),
    delay: fc.integer({ min: 0, max: 400 }),
  });
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  await fc.assert(
    fc.asyncProperty(
      fc.array(moment, { minLength: 1, maxLength: 2 }),
      fc.constantFrom(200, 409),
      fc.constantFrom(false, false, true),
      async (moments, answer, fails) => {
        dashboard.answer = 409;
        const shape = { version: `killed-${++number}`, packages: 1, failActivation: fails };
        const commit = await host.flake.commitFlake("next", { hosts: { gate: shape } });
        const runId = await host.ask("switch", {}, { commit, deadline: 600_000, ...secret });
        for (const { phase, delay } of moments) {
          await using runner = startRunner(host);
          const ended = new Promise((resolve) => runner.once("exit", resolve));
          const isThere = (event: RunEvent) => event.kind === "phase" && event.phase === phase;
          // A run that has ended, or a run that passed there before, is as good as any other moment.
          await Promise.race([ended, host.seen(runId, isThere).catch(() => undefined)]);
          await Promise.race([ended, sleep(delay)]);
          dashboard.answer = answer;
          await kill(runner);
        }
        // The window ends at once for the last runner: its clock says so.
        const later = { monotonicNow: () => monotonicNow() + 61_000 };
        await host.run(answer === 200 ? {} : { ...later, config: { ...host.config, confirmTimeout: 1 } });
        const outcome = await expectTruth(host, runId, { first: back });
        if (outcome.state === "succeeded") expect([answer, fails]).toEqual([200, false]);
        else if (outcome.state === "failed") expect(outcome.code).toBe("runner-killed");
        else expect(outcome.state).toBe("rolled-back");
        back = (await host.deps.platform.runningClosure()) ?? "";
      },
    ),
    { numRuns: 5, endOnFailure: true },
  );
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
}, 180_000);

test("R63: a runner that is killed in the window, and a record that cannot be read any more: that nobody has undone it is no confirmation", async () => {
  const { host, layout, first, second } = await hostThatRuns({ answer: 409 });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await using runner = startRunner(host);
  await host.seen(runId, inConfirm);
  await kill(runner);
  await writeFile(layout.deadman, '{"runId":');
  await host.run();
  expect(await host.outcome(runId)).toMatchObject({
    state: "failed",
    code: "undo-failed",
    reason: expect.stringContaining("the armed record cannot be read"),
  });
  expect(await host.deps.platform.runningClosure()).not.toBe(first);
  expect(eventsOf(await host.events(runId), "deployed")).toEqual([]);
});
