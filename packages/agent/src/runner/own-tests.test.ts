import { expect, test } from "vitest";
import { createTestHost, eventsOf, logText } from "./host.fixture.ts";

const sh = (body: string) => `#!/bin/sh\n${body}\n`;

test("R33: each script counts, in order; one that fails is named, and the others run all the same", async () => {
  const tests = {
    "T10-last.sh": sh("pwd; echo $NIXFLEET_HOSTNAME; env | grep -c TOKEN || true"),
    "T01-first.sh": sh("echo one"),
    "T02-broken.sh": "echo about to fail >&2\necho the port is closed >&2\nexit 3\n",
    "T03-slow.sh": sh("# timeout: 1\nsleep 60"),
    "helper.sh": sh("exit 1"),
  };
  await using host = await createTestHost({ host: { tests } });
  await host.doRun("pull");

  const { runId, outcome } = await host.doRun("test");

  const events = await host.events(runId);
  expect(
    eventsOf(events, "testResult").map(({ result }) => [result.script, result.outcome, result.number, result.total]),
  ).toEqual([
    ["T01-first.sh", "passed", 1, 4],
    ["T02-broken.sh", "failed", 2, 4],
    ["T03-slow.sh", "timed-out", 3, 4],
    ["T10-last.sh", "passed", 4, 4],
  ]);
  expect(outcome).toMatchObject({
    state: "failed",
    code: "tests-failed",
    reason: "2 of 4 tests failed: T02-broken.sh, T03-slow.sh.",
    firstError: "the port is closed",
  });
  const lines = logText(events);
  expect(lines.slice(-3)).toEqual([`${host.config.runnerDir}/repo`, "gate", "0"]);
});

test("R33: a host without tests has no tests, which is no failure; one without a clone is told to pull", async () => {
  await using host = await createTestHost({ host: {} });
  expect((await host.doRun("test")).outcome).toMatchObject({ state: "refused", code: "no-clone" });
  await host.doRun("pull");
  expect((await host.doRun("test")).outcome).toEqual({ state: "succeeded", reason: "no tests" });
});
