import { once } from "node:events";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import type { RunId } from "@nixfleet/protocol";
import { isAlive } from "@nixfleet/runtime";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { beginRun } from "../spool/run-record.ts";
import { RunProcess, RunRequest } from "../spool/shapes.ts";
import { readSpoolWriters } from "../spool/spool-writers.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import { createTestHost, eventsOf, logText, type TestHost } from "./host.fixture.ts";
import { expectWhole, kill, startRunner } from "./runner-process.fixture.ts";

async function childOf(host: TestHost, runId: RunId) {
  const read = await readUntrustedJson(runnerLayout(host.config.runnerDir).run(runId).process, RunProcess);
  return read.kind === "ok" ? read.value.child : null;
}

test("R4: a runner that is killed in a build: the builders end, the run ends as failed and says so, the next one begins at once", async () => {
  await using host = await createTestHost({ host: { packages: 1, secondsPerPackage: 60 } });
  const commit = await host.flake.head();
  const runId = await host.ask("switch", {}, { commit });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.includes("part 1 line 1")));
  const child = await childOf(host, runId);
  await kill(runner);
  // What a power loss can leave: half of an event.
  await appendFile(runnerLayout(host.config.runnerDir).run(runId).events, '{"seq":999,"at":1,"kind":"lo');

  await host.run();

  expect(child !== null && isAlive(child)).toBe(false);
  expect(await host.outcome(runId)).toMatchObject({ state: "failed", code: "runner-killed" });
  await expectWhole(host, runId);
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
});

test("R4: a runner that is killed in an activation: it continues, and its output, its end and what runs now are reported", async () => {
  await using host = await createTestHost({ host: { packages: 1, activationSeconds: 1 } });
  const commit = await host.flake.head();
  const runId = await host.ask("switch", {}, { commit });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("activating")));
  await kill(runner);

  await host.run();

  const events = await host.events(runId);
  const [deployed] = eventsOf(events, "deployed");
  expect(await host.activations()).toEqual([`test ${deployed?.deployment.closure}`]);
  const outcome = await host.outcome(runId);
  expect(outcome).toMatchObject({ state: "failed", code: "runner-killed", exitCode: 0 });
  expect(outcome.reason).toContain(`The host runs ${deployed?.deployment.closure}. That is what this run was deploying.`);
  const activation = logText(events).filter((line) => line.startsWith("activating") || line.startsWith("setting up"));
  expect(activation).toEqual(["activating the configuration...", "setting up /etc..."]);
  expect(await createLedger(runnerLayout(host.config.runnerDir).deployments).read()).toMatchObject([{ commit, runId }]);
  await expectWhole(host, runId);
});

test("R4: an activation that outlives the run's deadline is ended by whoever finds it", async () => {
  await using host = await createTestHost({ host: { packages: 1, activationSeconds: 60 } });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head(), deadline: 600_000 });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("activating")));
  const child = await childOf(host, runId);
  await kill(runner);
  await host.run({ clock: { ...host.deps.clock, now: () => Date.now() + 700_000 } });
  expect(child !== null && isAlive(child)).toBe(false);
  expect((await host.outcome(runId)).reason).toContain("was stopped");
  await expectWhole(host, runId);
});

test("R1, R2, S12: a runner that was killed between the last event and the outcome: that event's outcome counts, and nothing is added", async () => {
  await using host = await createTestHost({ host: { packages: 1 } });
  const { runId, outcome } = await host.doRun("switch", {}, { commit: await host.flake.head() });
  expect(outcome).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  await rm(runnerLayout(host.config.runnerDir).run(runId).outcome);

  await host.run();

  expect(await host.outcome(runId)).toEqual(outcome);
  expect(await host.events(runId)).toEqual(events);
  await expectWhole(host, runId);
});

test("R1, R2: runners killed at any moment: each run has exactly one outcome, its events have no gap and no torn line", async () => {
  await using host = await createTestHost({ host: { packages: 1, linesPerPackage: 300 } });
  const commit = await host.flake.head();
  await host.doRun("pull");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 2 }), async (delays) => {
      const before = (await host.activations()).length;
      const runId = await host.ask("switch", {}, { commit });
      for (const delay of delays) {
        await using runner = startRunner(host);
        await Promise.race([once(runner, "exit"), new Promise((resolve) => setTimeout(resolve, 200 + delay))]);
        if (runner.exitCode === null) await kill(runner);
      }
      await host.run();
      await expectWhole(host, runId);
      const events = await host.events(runId);
      const started = (await host.activations()).length - before;
      const outcome = await host.outcome(runId);
      expect(started).toBeLessThanOrEqual(1);
      expect(eventsOf(events, "deployed")).toHaveLength(started);
      if (outcome.state === "succeeded") expect(started).toBe(1);
      else expect(outcome).toMatchObject({ state: "failed", code: "runner-killed" });
      expect(await host.files.queued()).toEqual([]);
    }),
    { numRuns: 5 },
  );
});

test("R67: whoever goes on with a run's events writes them as another writer, which its first event names", async () => {
  await using host = await createTestHost({ host: { packages: 1, secondsPerPackage: 60 } });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.includes("part 1 line 1")));
  await kill(runner);
  const run = runnerLayout(host.config.runnerDir).run(runId);
  const before = await readSpoolWriters(run);
  const lastSeq = (await host.events(runId)).at(-1)?.seq ?? 0;

  await host.run();

  const writers = await readSpoolWriters(run);
  expect(before).toMatchObject([{ afterSeq: 0 }]);
  expect(writers).toMatchObject([before[0], { afterSeq: expect.any(Number) }]);
  expect(writers[1]?.afterSeq).toBeGreaterThanOrEqual(lastSeq);
  const events = await host.events(runId);
  const first = events.find(({ seq }) => seq === (writers[1]?.afterSeq ?? 0) + 1);
  expect(eventsOf(events, "started").map(({ writer }) => writer)).toEqual(writers.map(({ id }) => id));
  expect(first).toMatchObject({ kind: "started", writer: writers[1]?.id });
  expect(new Set(writers.map(({ id }) => id)).size).toBe(2);
});

test("R67: a request that was taken and not begun is begun by another writer: the host may have been put back to that moment", async () => {
  await using host = await createTestHost();
  const runId = await host.ask("refresh");
  const run = runnerLayout(host.config.runnerDir).run(runId);
  const request = await readUntrustedJson(daemonLayout(host.config.stateDir).request(runId), RunRequest);
  if (request.kind !== "ok") throw new Error(request.kind);
  await beginRun(run, request.value);
  await host.run();
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  const writers = await readSpoolWriters(run);
  expect(writers).toMatchObject([{ afterSeq: 0 }, { afterSeq: 0 }]);
  expect(eventsOf(await host.events(runId), "started").map(({ writer }) => writer)).toEqual([writers[1]?.id]);
});

test("R1: an activation that had begun is not begun again, though all events of its run are damaged", async () => {
  await using host = await createTestHost({ host: { packages: 1, activationSeconds: 1 } });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("activating")));
  await kill(runner);
  const { events } = runnerLayout(host.config.runnerDir).run(runId);
  await writeFile(events, `?${(await readFile(events, "utf8")).slice(1)}`);

  await host.run();

  expect(await host.activations()).toHaveLength(1);
  expect(await host.outcome(runId)).toMatchObject({ state: "failed", code: "runner-killed" });
});

test("R4: a run that a killed runner has left ends also where the facts of the host cannot be read by then", async () => {
  await using host = await createTestHost({ host: { packages: 1, secondsPerPackage: 60 } });
  const commit = await host.flake.head();
  const runId = await host.ask("switch", {}, { commit });
  await using runner = startRunner(host);
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.includes("part 1 line 1")));
  await kill(runner);
  const readFacts = () => Promise.reject(new Error("EIO: i/o error"));
  await host.run({ platform: { ...host.deps.platform, readFacts } });
  expect(await host.outcome(runId)).toMatchObject({ state: "failed", code: "runner-killed" });
  const warnings = eventsOf(await host.events(runId), "warning").map(({ message }) => message);
  expect(warnings).toEqual(["The facts of the host could not be read after the run: EIO: i/o error"]);
});
