import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { bootId } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { runnerLayout } from "../spool/layout.ts";
import { createTestHost, eventsOf, type TestHost } from "./host.fixture.ts";
import { afterReboot } from "./ops/reboot.ts";

const rebootBy = (host: TestHost, script: string) => ({
  platform: { ...host.deps.platform, reboot: ["sh", "-c", script] as [string, ...string[]] },
});

test("R14: a machine that stays up ends the reboot by its deadline, and the next run begins", async () => {
  await using host = await createTestHost({ host: {} });
  const asked = join(host.root, "asked");
  const runId = await host.ask("reboot", {}, { deadline: 3000 });
  await host.run(rebootBy(host, `echo asked >> ${asked}`));
  expect(await host.outcome(runId)).toMatchObject({ state: "timed-out", code: "deadline-passed" });
  expect(await readFile(asked, "utf8")).toBe("asked\n");
  expect(eventsOf(await host.events(runId), "phase").map(({ phase }) => phase)).toEqual(["reboot"]);
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
});

test("R14: a reboot that the host does not take on fails with its own words", async () => {
  await using host = await createTestHost({ host: {} });
  const runId = await host.ask("reboot");
  await host.run(rebootBy(host, "echo 'Operation inhibited by \"backup\"' >&2; exit 1"));
  expect(await host.outcome(runId)).toMatchObject({
    state: "failed",
    code: "reboot-failed",
    firstError: 'Operation inhibited by "backup"',
    exitCode: 1,
  });
});

test("an agent that shares its machine does not reboot it", async () => {
  await using host = await createTestHost({ host: {} });
  expect((await host.doRun("reboot")).outcome).toMatchObject({ state: "refused", code: "op-not-allowed-on-host" });
});

/** What a runner leaves that went down with the machine in a boot of that name: all but the end of its run. */
async function leaveRebooting(host: TestHost, boot: string): Promise<RunId> {
  const runId = await host.ask("reboot");
  const run = runnerLayout(host.config.runnerDir).run(runId);
  const kept = join(host.root, `process-${runId}`);
  // It fails, which ends the run at once.
  await host.run(rebootBy(host, `cp ${run.process} ${kept}; exit 1`));
  const events = (await readFile(run.events, "utf8")).trimEnd().split("\n");
  await writeFile(run.events, `${events.slice(0, -1).join("\n")}\n`);
  await rm(run.outcome);
  const process = JSON.parse(await readFile(kept, "utf8")) as { runner: object };
  const runner = { ...process.runner, pid: 2 ** 22, bootId: boot };
  await writeFile(run.process, JSON.stringify({ ...process, runner, deadlineAt: Date.now() + 60_000 }));
  return runId;
}

test("R6 R14: after a power cycle the reboot ends by the new boot; in the same boot its killed runner is reported", async () => {
  await using host = await createTestHost({ host: {} });
  const rebooted = await leaveRebooting(host, "00000000-0000-4000-8000-000000000000");
  await host.run();
  expect(await host.outcome(rebooted)).toEqual({ state: "succeeded" });

  const killed = await leaveRebooting(host, bootId());
  await host.run();
  expect(await host.outcome(killed)).toMatchObject({ state: "failed", code: "runner-killed" });
  expect(eventsOf(await host.events(killed), "finished")).toHaveLength(1);
});

test("R14: only another boot is a reboot", () => {
  expect(afterReboot("a", "b")).toEqual({ state: "succeeded" });
  expect(afterReboot("a", "a")).toMatchObject({ state: "failed", code: "runner-killed" });
});
