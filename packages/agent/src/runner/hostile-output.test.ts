import { once } from "node:events";
import type { RunEvent } from "@nixfleet/protocol";
import { isAlive } from "@nixfleet/runtime";
import { livingTree } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createTestHost, logText, type TestHost } from "./host.fixture.ts";
import { startRunner } from "./runner-process.fixture.ts";

// A program whose output is made to be slow to read: 40 lines of 60 KB, with what a search for URLs and headers has to look at from
// every place. A search that is not linear takes seconds for each of them, and the runner sees neither a cancel nor the deadline.

const script = [
  "#!/bin/sh",
  "line=$(printf 'a.%.0s' $(seq 1 30000))",
  'i=0; while [ $i -lt 40 ]; do i=$((i + 1)); echo "authorization: x@ $line://x"; done',
  "echo printed; exec sleep 3600",
  "",
].join("\n");

async function createHost(): Promise<TestHost> {
  const host = await createTestHost({ host: { tests: { "T1.sh": script } } });
  expect((await host.doRun("pull")).outcome).toEqual({ state: "succeeded" });
  return host;
}

const isLine = (word: string) => (event: RunEvent) => event.kind === "log" && event.lines.some(({ text }) => text.includes(word));

/** Cancels the run when the line is there, and looks what is left of its programs. */
async function cancelAfter(host: TestHost, word: string) {
  const runId = await host.ask("test", {}, { deadline: 3_600_000 });
  await using runner = startRunner(host);
  const ended = once(runner, "exit");
  await host.seen(runId, isLine(word));
  const tree = livingTree(runner.pid ?? 0);
  await host.files.askCancel(runId);
  await ended;
  expect(await host.outcome(runId)).toMatchObject({ state: "cancelled", reason: expect.stringContaining("by a person") });
  expect(tree.filter(isAlive)).toEqual([]);
  return logText(await host.events(runId));
}

test("R9: a run that prints 40 lines of 60 KB is cancelled like any other while it does, and its program ends", async () => {
  await using host = await createHost();
  expect((await cancelAfter(host, "authorization: x@")).at(0)).toBe("T1.sh begins.");
}, 40_000);

test("R7 R9: its deadline ends it", async () => {
  await using host = await createHost();
  const runId = await host.ask("test", {}, { deadline: 1500 });
  await using runner = startRunner(host);
  await once(runner, "exit");
  expect(await host.outcome(runId)).toMatchObject({ state: "timed-out", code: "deadline-passed" });
}, 40_000);

test("R8: all that it has printed is in the log", async () => {
  await using host = await createHost();
  const lines = await cancelAfter(host, "printed");
  expect(lines.filter((line) => line.length > 60_000)).toHaveLength(40);
}, 60_000);
