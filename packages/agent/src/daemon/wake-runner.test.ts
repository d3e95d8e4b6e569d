import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId, StorePath } from "@nixfleet/protocol";
import { bootId } from "@nixfleet/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeArmed } from "../deadman/record.ts";
import { OVERDUE } from "../spool/armed.fixture.ts";
import { exists } from "../spool/exists.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { type AgentHost, createAgentHost, nextRunId } from "./agent.fixture.ts";

let host: AgentHost;
beforeEach(async () => {
  host = await createAgentHost();
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

const SECRET = "confirm-secret-0123456789-0123456789-abcdef";

/** What a killed runner leaves: a run that was begun and has not ended. */
async function leaveRun(): Promise<RunId> {
  const runId = nextRunId();
  const run = runnerLayout(host.runnerDir).run(runId);
  const request = { runId, op: "refresh", args: {}, commit: null, deadline: 60_000, askedBy: "ada", force: false, receivedAt: 1 };
  await mkdir(run.dir, { recursive: true });
  await writeFile(run.request, JSON.stringify(request));
  await writeFile(run.events, `${JSON.stringify({ seq: 1, at: 1, kind: "started", agentVersion: "0" })}\n`);
  return runId;
}

test("R37: what is armed though no runner lives is reported, and undone by the runner that the daemon starts", async () => {
  const { dashboard, root, runnerDir } = host;
  const runId = nextRunId();
  const [old, next] = ["old", "next"].map((name) => join(root, "store", `sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-${name}`)) as [
    StorePath,
    StorePath,
  ];
  for (const closure of [old, next]) await mkdir(closure, { recursive: true });
  const current = join(root, "system/run/current-system");
  await mkdir(join(root, "system/run"), { recursive: true });
  await symlink(next, current);
  const layout = runnerLayout(runnerDir);
  await mkdir(layout.run(runId).dir, { recursive: true });
  const env = { PATH: process.env["PATH"] ?? "" };
  await writeArmed(layout, {
    ...OVERDUE,
    runId,
    armedAt: Date.now(),
    until: Date.now() + 3_600_000,
    excepted: [],
    ignoredUnits: [],
    armedIn: bootId(),
    back: old,
    profile: null,
    failedUnits: null,
    asks: "nothing",
    host: { platform: "nixos", hostname: "gate", systemRoot: join(root, "system"), env: { ...env, HOME: root } },
    activation: { closure: next, commit: null, mode: "switch", unit: null },
    undo: [{ kind: "activation", launcher: [], argv: ["/bin/sh", "-c", `sleep 1; ln -sfn ${old} ${current}`], env, unit: null }],
  });
  await host.connect();
  expect(dashboard.hellos[0]?.policy).toMatchObject({ signed: false, confirmTimeout: 120 });
  await dashboard.until(() => dashboard.facts.deadman === null && dashboard.facts.running?.closure === old);
  expect(await exists(layout.deadman)).toBe(false);
});

test("in service mode a runner is called for what is no request, and takes the call", async () => {
  const { dashboard, stateDir } = host;
  const left = await leaveRun();
  const { queue, wake } = daemonLayout(stateDir);
  await mkdir(queue, { recursive: true });
  const torn = ".01jd0000000000000000000009.json.0123456789ab.tmp";
  await writeFile(join(queue, torn), "{");
  const agent = host.start(["run", "--runner=service"]);
  await dashboard.until(() => dashboard.connected);
  await expect.poll(() => exists(wake), { timeout: 20_000 }).toBe(true);
  expect(JSON.parse(await readFile(wake, "utf8"))).toEqual({});
  // What a daemon that was killed while it wrote has left would keep the service manager awake forever.
  expect(await readdir(queue)).toEqual(["wake.json"]);

  expect((await host.start(["runner"]).ended).code).toBe(0);
  expect(await dashboard.until(() => dashboard.outcome(left))).toMatchObject({ state: "failed", code: "runner-killed" });
  expect(await readdir(queue)).toEqual([]);

  const runId = nextRunId();
  dashboard.startRun(runId, "refresh", {}, { confirmSecret: SECRET });
  const request = daemonLayout(stateDir).request(runId);
  await expect.poll(() => exists(request), { timeout: 20_000 }).toBe(true);
  expect(JSON.parse(await readFile(request, "utf8"))).toMatchObject({ runId, confirmSecret: SECRET });
  expect((await stat(request)).mode & 0o777).toBe(0o640);
  expect((await host.start(["runner"]).ended).code).toBe(0);
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "succeeded" });
  expect(JSON.stringify(dashboard.events(runId)) + agent.stderr()).not.toContain(SECRET);
});
