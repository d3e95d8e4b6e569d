import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AgentHost, createAgentHost, nextRunId } from "./agent.fixture.ts";

let host: AgentHost;
beforeEach(async () => {
  host = await createAgentHost();
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** Makes a system that installs an agent by this text (none: it installs no agent), and gives a shell command that switches to it. */
async function makeSystem(name: string, unit: string | undefined): Promise<{ closure: string; link: string }> {
  const closure = join(host.root, "store", `sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`);
  const units = join(closure, "etc/systemd/system");
  await mkdir(units, { recursive: true });
  await mkdir(join(host.root, "system/run"), { recursive: true });
  if (unit !== undefined) await writeFile(join(units, "nixfleet-agent.service"), unit);
  return { closure, link: join(host.root, "system/run/current-system") };
}

/** A run of the host's tests that switches to a system, and continues until `release` is called. */
async function beginSwitching(to: { closure: string; link: string }) {
  const { dashboard } = host;
  const gate = join(host.root, "gate");
  await writeFile(gate, "");
  const script = `#!/bin/sh\nln -sfn ${to.closure} ${to.link}\necho switched\nwhile [ -e ${gate} ]; do sleep 0.05; done\n`;
  await host.repo.commit("a run that switches", { "hosts/gate/tests/T1.sh": { content: script, executable: true } });
  // One runner does both.
  dashboard.startRun(nextRunId(), "pull");
  const runId = nextRunId();
  dashboard.startRun(runId, "test");
  await dashboard.until(() => dashboard.log(runId).includes("switched"));
  return { runId, release: () => rm(gate) };
}

test("R7: an agent whose unit a run has replaced continues until the run is over, ends with 101, and the new one tells the outcome", async () => {
  const { dashboard } = host;
  const old = await makeSystem("old", "[Service]\nExecStart=/nix/store/x-nixfleet-agent-1/bin/nixfleet-agent run\n");
  const next = await makeSystem("next", "[Service]\nExecStart=/nix/store/y-nixfleet-agent-2/bin/nixfleet-agent run\n");
  await symlink(old.closure, old.link);
  const first = await host.connect();
  const { runId, release } = await beginSwitching(next);
  // It has seen what runs now, and lets the run finish.
  await dashboard.until(() => dashboard.facts.running?.closure === next.closure);
  await dashboard.goAway();
  await release();
  expect((await first.ended).code).toBe(101);
  await dashboard.comeBack();
  await host.connect();
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "succeeded" });
  expect(dashboard.faults).toEqual([]);
});

test("R7: an agent that is not replaced, or only removed, stays: nobody would start another one", async () => {
  const { dashboard } = host;
  const unit = "[Service]\nExecStart=/nix/store/x-nixfleet-agent-1/bin/nixfleet-agent run\n";
  const old = await makeSystem("old", unit);
  await symlink(old.closure, old.link);
  const agent = await host.connect();
  for (const next of [await makeSystem("same", unit), await makeSystem("none", undefined)]) {
    const { runId, release } = await beginSwitching(next);
    await release();
    await dashboard.until(() => dashboard.outcome(runId));
    // It has looked by then: facts of what runs are reported in the same round.
    await dashboard.until(() => dashboard.facts.running?.closure === next.closure);
  }
  const last = nextRunId();
  dashboard.startRun(last, "refresh");
  await dashboard.until(() => dashboard.outcome(last));
  expect(dashboard.hellos).toHaveLength(1);
  expect(await agent.stop()).toBe(0);
});
