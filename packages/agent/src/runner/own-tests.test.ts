import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { failingHealthChecks } from "./health-checks.ts";
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

test("R33: a script that is a link inside of the repository is run; one out of it or nowhere fails by its name", async () => {
  await using host = await createTestHost({ host: { tests: { "T1.sh": sh("echo one") } } });
  const { git, workTree } = host.flake;
  const tests = join(workTree, "hosts/gate/tests");
  await mkdir(join(workTree, "common"));
  await writeFile(join(workTree, "common/T2.sh"), sh('echo "two at $0"'), { mode: 0o755 });
  await writeFile(join(host.root, "outside.sh"), sh("echo outside"), { mode: 0o755 });
  const links = {
    "T2.sh": "../../../common/T2.sh",
    "T3.sh": join(host.root, "outside.sh"),
    "T4.sh": "../../../common/gone.sh",
    "T5.sh": "T5.sh",
    "T6.sh": "../../../.git/config",
    "T7.sh": "../../../common",
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(tests, name));
  await host.flake.commit("links", {});
  await host.doRun("pull");

  const { runId, outcome } = await host.doRun("test");

  const results = eventsOf(await host.events(runId), "testResult").map(({ result }) => [result.script, result.outcome]);
  expect(results).toEqual([
    ["T1.sh", "passed"],
    ["T2.sh", "passed"],
    ...["T3.sh", "T4.sh", "T5.sh", "T6.sh", "T7.sh"].map((name) => [name, "failed"]),
  ]);
  expect(outcome).toMatchObject({
    state: "failed",
    reason: "5 of 7 tests failed: T3.sh, T4.sh, T5.sh, T6.sh, T7.sh.",
    firstError: `T3.sh is a link to ${JSON.stringify(links["T3.sh"])}, which leads out of the repository`,
  });
  const lines = logText(await host.events(runId));
  expect(lines).toContain(`two at ${host.config.runnerDir}/repo/hosts/gate/tests/T2.sh`);
  expect(lines).toContain('T4.sh is a link to "../../../common/gone.sh", which leads nowhere.');
  expect(lines).toContain('T5.sh is a link to "T5.sh", which leads back to itself.');
  expect(lines).toContain("T7.sh is not a file.");
  expect(lines.join()).not.toContain("outside\n");

  await git("rm", "-q", "-r", "hosts/gate/tests");
  await mkdir(join(workTree, "hosts/gate"), { recursive: true });
  await symlink("../../nowhere", join(workTree, "hosts/gate/tests"));
  await host.flake.commit("a linked folder", {});
  await host.doRun("pull");
  expect((await host.doRun("test")).outcome).toMatchObject({
    state: "failed",
    reason: "1 of 1 tests failed: hosts/gate/tests.",
    firstError: 'hosts/gate/tests is a link to "../../nowhere", which leads nowhere',
  });
});

test("R58: a test and a health check of the host find its proxy, and what they print shows no password of it", async () => {
  const say = 'echo "by $https_proxy, trusting $SSL_CERT_FILE"; echo "$https_proxy" | cut -d: -f3 | cut -d@ -f1';
  await using host = await createTestHost({ host: { tests: { "T01-way.sh": sh(say) } } });
  await host.doRun("pull");
  const network = { https_proxy: "http://ada:never-to-be-seen@proxy.example:3128", SSL_CERT_FILE: "/etc/own.pem" };
  const runId = await host.ask("test");
  await host.run({ env: { ...host.env, ...network } });
  expect(logText(await host.events(runId)).slice(-2)).toEqual([
    "by http://[redacted]@proxy.example:3128, trusting /etc/own.pem",
    "[redacted]",
  ]);
  const check = { kind: "command" as const, argv: ["/bin/sh", "-c", `${say}; exit 1`], timeout: 30 };
  const signal = AbortSignal.timeout(60_000);
  const faults = await failingHealthChecks([check], { exec, env: { ...host.env, ...network }, signal });
  expect(faults).toEqual(["/bin/sh: exit code 1: never-to-be-seen"]);
});
