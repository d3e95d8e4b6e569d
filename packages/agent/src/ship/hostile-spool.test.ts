import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { exec, succeeded } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { type AgentHost, createAgentHost, nextRunId } from "../daemon/agent.fixture.ts";
import { exists } from "../spool/exists.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";

/** Files of a runner that no runner writes, for a daemon that finds them at its start. */
async function leaveMalformedRuns(host: AgentHost) {
  const layout = runnerLayout(host.runnerDir);
  const fifo = async (path: string) => {
    expect(succeeded(await exec({ argv: ["mkfifo", path], env: { PATH: host.env["PATH"] ?? "" } }).result)).toBe(true);
  };
  await mkdir(layout.runs, { recursive: true });
  const runs: Record<string, RunId> = {};
  const make = async (name: string) => {
    const runId = nextRunId();
    runs[name] = runId;
    await mkdir(layout.run(runId).dir);
    await writeFile(layout.run(runId).outcome, JSON.stringify({ outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 1 }));
    return layout.run(runId);
  };
  // In place of a run's directory.
  await fifo(join(layout.runs, nextRunId()));
  await symlink("/proc/self", join(layout.runs, nextRunId()));
  await symlink("/dev/zero", (await make("device")).events);
  await fifo((await make("pipe")).events);
  const giant = await make("giant");
  await writeFile(giant.events, "");
  await truncate(giant.outcome, 2 ** 40);
  await truncate(giant.events, 2 ** 40);
  await fifo((await make("request")).request);
  await fifo(layout.deadman);
  await fifo(layout.cloneState);
  await symlink("/dev/zero", layout.deployments);
  await symlink("/dev/zero", layout.lock);
  return runs;
}

test("R38: whatever is in the runner's directory, the daemon connects, says what it cannot read, and does the next run", async () => {
  await using host = await createAgentHost();
  const { dashboard } = host;
  await host.repo.commit("begin", { "README.md": "x" });
  const runs = await leaveMalformedRuns(host);
  // No runner meanwhile: it clears away what is no run.
  const agent = host.start(["run", "--runner=service"]);
  for (const name of ["device", "pipe", "giant"]) {
    await dashboard.until(() => dashboard.facts.problems?.some(({ message }) => message.includes(runs[name] ?? "?")));
  }
  expect(dashboard.hellos[0]?.runs.map(({ runId }) => runId).sort()).toEqual(Object.values(runs).sort());
  const next = nextRunId();
  dashboard.startRun(next, "pull");
  await expect.poll(() => exists(daemonLayout(host.stateDir).request(next)), { timeout: 20_000 }).toBe(true);
  expect((await host.start(["runner"]).ended).code).toBe(0);
  expect(await dashboard.until(() => dashboard.outcome(next))).toEqual({ state: "succeeded" });
  for (const runId of Object.values(runs)) expect(dashboard.events(runId)).toEqual([]);
  expect(dashboard.faults).toEqual([]);
  expect(await agent.stop()).toBe(0);
});
