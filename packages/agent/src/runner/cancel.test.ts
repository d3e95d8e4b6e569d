import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { Phase, RunEvent, RunId } from "@nixfleet/protocol";
import { isAlive } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { createTestHost, eventsOf, type TestHost } from "./host.fixture.ts";

/** Cancels the run once as many of its processes live, and looks what is left of them. */
async function cancelWhen(host: TestHost, runId: RunId, fits: (event: RunEvent) => boolean, processes: number) {
  const running = host.run();
  await host.seen(runId, fits);
  let tree = await host.processesOf(runId);
  while (tree.length < processes) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    tree = await host.processesOf(runId);
  }
  await host.files.askCancel(runId);
  await running;
  return { tree, alive: tree.filter(isAlive) };
}

const inPhase = (phase: Phase) => (event: RunEvent) => event.kind === "phase" && event.phase === phase;
const isLine = (text: string) => (event: RunEvent) =>
  event.kind === "log" && event.lines.some((line) => line.text.includes(text));

async function expectNextRun(host: TestHost) {
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
}

test("R9: cancel in fetch ends git and its transport, and the host takes the next run", async () => {
  // A server that takes the connection and never answers.
  const server = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const repoUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/config.git`;
  await using host = await createTestHost({ config: { repoUrl } });
  const runId = await host.ask("pull");
  const { alive } = await cancelWhen(host, runId, inPhase("fetch"), 2);
  server.close();
  expect(alive).toEqual([]);
  expect(await host.outcome(runId)).toEqual({ state: "cancelled", reason: "Cancelled by a person." });
  await expectNextRun(host);
});

test("R9: cancel in evaluate ends Nix", async () => {
  await using host = await createTestHost();
  const long = "let fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2); in fib 40";
  const outputs = `{ outputs = { self }: { nixosConfigurations.gate = builtins.seq (${long}) { }; }; }`;
  const commit = await host.flake.commit("long", { "flake.nix": outputs });
  const runId = await host.ask("switch", {}, { commit });
  const isNix = (event: RunEvent) => event.kind === "command" && event.argv[0] === "nix";
  const { alive } = await cancelWhen(host, runId, isNix, 1);
  expect(alive).toEqual([]);
  expect(await host.outcome(runId)).toMatchObject({ state: "cancelled" });
  await expectNextRun(host);
});

test("R9: cancel in build ends the builders, which Nix puts into sessions of their own", async () => {
  await using host = await createTestHost({ host: { packages: 1, secondsPerPackage: 60 } });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  const { tree, alive } = await cancelWhen(host, runId, isLine("part 1 line 1"), 3);
  expect(tree.length).toBeGreaterThanOrEqual(3);
  expect(alive).toEqual([]);
  expect(await host.outcome(runId)).toMatchObject({ state: "cancelled" });
  expect(await host.activations()).toEqual([]);
  await expectNextRun(host);
});

test("R9: cancel in activate ends it and says what runs now", async () => {
  await using host = await createTestHost({ host: { activationSeconds: 60 } });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  const { alive } = await cancelWhen(host, runId, isLine("activating the configuration"), 3);
  expect(alive).toEqual([]);
  expect(await host.outcome(runId)).toMatchObject({
    state: "cancelled",
    reason: expect.stringContaining("The host now runs no closure that can be read."),
  });
  expect(eventsOf(await host.events(runId), "deployed")).toEqual([]);
  await expectNextRun(host);
});

test("R9, R33: cancel in test ends the script and all that it started, also what ignores SIGTERM, and keeps the results", async () => {
  const stubborn = "#!/bin/sh\ntrap '' TERM\necho begun\nsh -c 'trap \"\" TERM; sleep 60; :' &\nsleep 60; :\n";
  await using host = await createTestHost({ host: { tests: { "T1.sh": "true\n", "T2.sh": stubborn, "T3.sh": "true\n" } } });
  await host.doRun("pull");
  const runId = await host.ask("test");
  const { alive } = await cancelWhen(host, runId, isLine("begun"), 4);
  expect(alive).toEqual([]);
  expect(await host.outcome(runId)).toMatchObject({ state: "cancelled", reason: expect.stringContaining("after 1 of 3 tests") });
  const results = eventsOf(await host.events(runId), "testResult").map(({ result }) => result.outcome);
  expect(results).toEqual(["passed", "cancelled"]);
  await expectNextRun(host);
});

test("R9: a run that is cancelled before the runner takes it never begins", async () => {
  await using host = await createTestHost({ host: {} });
  const runId = await host.ask("switch", {}, { commit: await host.flake.head() });
  await host.files.askCancel(runId);
  await host.run();
  expect(await host.outcome(runId)).toMatchObject({ state: "cancelled" });
  expect(eventsOf(await host.events(runId), "started")).toEqual([]);
});

test("R15: the deadline, and only the deadline, ends a long run: it is timed out and nothing of it is left", async () => {
  await using host = await createTestHost({ host: { tests: { "T1.sh": "#!/bin/sh\nsleep 60\n" } } });
  await host.doRun("pull");
  const { runId, outcome } = await host.doRun("test", {}, { deadline: 4000 });
  expect(outcome).toMatchObject({ state: "timed-out", code: "deadline-passed" });
  const events = await host.events(runId);
  const [from, to] = [events[0]?.at ?? 0, events.at(-1)?.at ?? 0];
  // Its time begins before its first event: a moment, or longer on a machine that is busy.
  expect(to - from).toBeGreaterThan(2500);
  expect(await host.processesOf(runId)).toEqual([]);
});
