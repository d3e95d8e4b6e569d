import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { readProcess } from "@nixfleet/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AgentHost, createAgentHost, nextRunId, TOKEN } from "./agent.fixture.ts";
import { runnerEnvironment } from "./launch-runner.ts";

let host: AgentHost;
beforeEach(async () => {
  host = await createAgentHost();
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** A test of the host that prints, waits until `release` is called (or its directory goes with this test), and prints again. */
async function pushWaitingTest(): Promise<{ release(): Promise<void> }> {
  const gate = join(host.root, "gate");
  await writeFile(gate, "");
  const script = `#!/bin/sh\necho first half\nwhile [ -e ${gate} ]; do sleep 0.05; done\necho second half\n`;
  await host.repo.commit("a test that waits", { "hosts/gate/tests/T1.sh": { content: script, executable: true } });
  return { release: () => rm(gate) };
}

/** Begins the host's tests on what is pushed, and waits for the first line of the one that waits. One runner does both. */
async function beginTest(): Promise<RunId> {
  const { dashboard } = host;
  dashboard.startRun(nextRunId(), "pull");
  const runId = nextRunId();
  dashboard.startRun(runId, "test");
  await dashboard.until(() => dashboard.log(runId).includes("first half"));
  return runId;
}

async function pull(): Promise<void> {
  const { dashboard } = host;
  const runId = nextRunId();
  dashboard.startRun(runId, "pull");
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "succeeded" });
}

/** What is stored of a run is what the runner wrote, each event once. */
async function expectWhole(runId: RunId): Promise<void> {
  const spool = await readFile(join(host.runnerDir, "runs", runId, "events.jsonl"), "utf8");
  const written = spool
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(host.dashboard.events(runId)).toEqual(written);
  expect(host.dashboard.faults).toEqual([]);
}

test("R4: the daemon is killed in mid-run: the run continues, and a new daemon delivers the rest and the true outcome, once", async () => {
  const { dashboard } = host;
  const gate = await pushWaitingTest();
  const first = await host.connect();
  const runId = await beginTest();
  const runner = await host.runnerPid();
  await first.kill();
  expect(readProcess(runner ?? 0)?.zombie).toBe(false);
  await gate.release();
  await host.connect();
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "succeeded" });
  expect(dashboard.hellos.at(-1)?.runs.map((run) => run.runId)).toContain(runId);
  expect(dashboard.hellos[0]?.instance).not.toBe(dashboard.hellos[1]?.instance);
  expect(dashboard.log(runId)).toEqual(expect.arrayContaining(["first half", "second half"]));
  await expectWhole(runId);
});

test("R5: the dashboard is away while a run continues and ends: nothing is missing or doubled afterwards", async () => {
  const { dashboard } = host;
  const gate = await pushWaitingTest();
  await host.connect();
  const runId = await beginTest();
  await dashboard.goAway();
  await gate.release();
  await expect.poll(() => readdir(join(host.runnerDir, "runs", runId)), { timeout: 20_000 }).toContain("outcome.json");
  await dashboard.comeBack();
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "succeeded" });
  await expectWhole(runId);
});

test("a run that a person does on the host is told to no dashboard, and holds no other run up", async () => {
  const { dashboard, runnerDir } = host;
  await host.repo.commit("begin", { "README.md": "x" });
  await host.connect();
  /** Refused before anything is evaluated. */
  const deployByHand = async () => {
    const person = host.start(["deploy"], { NIXFLEET_SIGNING_REQUIRED: "true" });
    expect((await person.ended).code).toBe(3);
    expect(person.stdout()).toContain("refused (unsigned-commit)");
  };
  await deployByHand();
  await pull();
  await dashboard.goAway();
  await deployByHand();
  const hellos = dashboard.hellos.length;
  await dashboard.comeBack();
  await dashboard.until(() => dashboard.hellos.length > hellos);
  // The pull, which the dashboard has stored.
  expect(dashboard.hellos.at(-1)?.runs).toMatchObject([{ state: "finished" }]);
  await pull();
  const runs = (await readdir(join(runnerDir, "runs"))) as RunId[];
  expect(runs.filter((runId) => dashboard.events(runId).length > 0)).toHaveLength(2);
  expect(runs).toHaveLength(4);
  expect(dashboard.faults).toEqual([]);
});

test("R12: a run that is asked for again, at once or after its end, is reported and not done again", async () => {
  const { dashboard } = host;
  await host.repo.commit("begin", { "README.md": "x" });
  await host.connect();
  const runId = nextRunId();
  for (let i = 0; i < 3; i++) dashboard.startRun(runId, "pull");
  await dashboard.until(() => dashboard.outcome(runId));
  const events = [...dashboard.events(runId)];
  dashboard.startRun(runId, "pull");
  const next = nextRunId();
  dashboard.startRun(next, "pull");
  await dashboard.until(() => dashboard.outcome(next));
  expect(dashboard.events(runId)).toEqual(events);
  expect(events.filter((event) => event.kind === "started")).toHaveLength(1);
  expect(events.filter((event) => event.kind === "finished")).toHaveLength(1);
  expect((await readdir(join(host.runnerDir, "runs"))).sort()).toEqual([runId, next].sort());
  await expectWhole(runId);
});

test("R10: whatever a dashboard asks for beyond the declared ops is refused, and touches nothing on the host", async () => {
  const { dashboard } = host;
  await host.repo.commit("begin", { "README.md": "x" });
  const agent = host.start(undefined, { NIXFLEET_ALLOWED_OPS: "pull,refresh" });
  await dashboard.until(() => dashboard.connected);
  const mark = join(host.root, "touched");
  const asked = [
    ["exec", { argv: ["touch", mark] }, "op-unknown"],
    ["constructor", {}, "op-unknown"],
    ["pull", { commit: `$(touch ${mark})` }, "arguments-invalid"],
    ["pull", { commit: "0".repeat(40), env: { PATH: host.root } }, "arguments-invalid"],
    ["pull", { url: "ext::sh -c touch" }, "arguments-invalid"],
    ["test", {}, "op-not-allowed-on-host"],
    ["test", { script: "/bin/sh" }, "arguments-invalid"],
    ["restart-agent", { pid: 1 }, "arguments-invalid"],
  ] as const;
  const ids = asked.map(([op, args]) => {
    const runId = nextRunId();
    dashboard.startRun(runId, op, args);
    return runId;
  });
  await dashboard.until(() => dashboard.refusals.length === asked.length);
  expect(dashboard.refusals.map(({ runId, code }) => [runId, code])).toEqual(ids.map((id, i) => [id, asked[i]?.[2]]));

  // Each of these ends the link: the agent must come back each time, and nothing else happen.
  const hostile = [
    {
      type: "startRun",
      runId: "../../../../etc/cron.d/x",
      op: "pull",
      args: {},
      commit: null,
      deadline: 1000,
      askedBy: "",
      force: false,
    },
    { type: "cancelRun", runId: "/etc/passwd" },
  ];
  for (const message of hostile) {
    const before = dashboard.hellos.length;
    dashboard.send(message);
    await dashboard.until(() => dashboard.hellos.length > before);
  }
  dashboard.send({ type: "cancelRun", runId: nextRunId() });
  dashboard.send({ type: "signal", pid: agent.pid, signal: "SIGKILL" });
  await pull();
  expect(await readdir(join(host.stateDir, "cancel"))).toEqual([]);
  expect(await readdir(host.root)).not.toContain("touched");
  expect(agent.stderr()).toContain("message-invalid");
});

test("R27: started without a dashboard, with a damaged clone and an unreachable repository, it connects and reports the problem", async () => {
  const { dashboard } = host;
  await dashboard.goAway();
  host.start(["run"], { NIXFLEET_REPO_URL: `file://${host.root}/nowhere.git` });
  await dashboard.comeBack();
  await dashboard.until(() => dashboard.connected);
  const problem = await dashboard.until(() => dashboard.facts.clone?.problem);
  expect(problem.code).toBe("repo-unreachable");
  expect(dashboard.facts.clone?.commit).toBeNull();
  const runId = nextRunId();
  dashboard.startRun(runId, "pull");
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "failed", code: "repo-unreachable" });
});

test("R27: with a damaged clone it connects, and a pull repairs it", async () => {
  const { dashboard } = host;
  const commit = await host.repo.commit("begin", { "README.md": "x" });
  const first = await host.connect();
  await pull();
  await first.stop();
  await writeFile(join(host.runnerDir, "repo/.git/HEAD"), "garbage");
  await host.connect();
  expect(dashboard.hellos.at(-1)?.facts.facts.clone?.commit).toBeNull();
  await pull();
  expect(await dashboard.until(() => dashboard.facts.clone?.commit === commit)).toBe(true);
});

test("R27: without Nix on the machine it connects and says so", async () => {
  const { dashboard } = host;
  host.start(["run"], { PATH: "/nonexistent" });
  await dashboard.until(() => dashboard.connected);
  expect(dashboard.facts.problems?.map((problem) => problem.code)).toContain("nix-missing");
  expect(dashboard.facts.nix).toBeUndefined();
});

test("R30: a second agent on the host refuses to start with a clear error, and the first continues", async () => {
  const { dashboard } = host;
  const first = await host.connect();
  const second = host.start();
  expect((await second.ended).code).toBe(1);
  expect(second.stderr()).toMatch(new RegExp(`Another nixfleet-agent, process ${first.pid}, acts for this host`));
  dashboard.send({ type: "ping", nonce: "still there?" });
  expect(dashboard.hellos).toHaveLength(1);
  expect(dashboard.connected).toBe(true);
  await first.kill();
  await host.connect();
});

test("R14: restart-agent ends this process with 101, and the run succeeds once the next one is connected", async () => {
  const { dashboard } = host;
  const first = await host.connect();
  const runId = nextRunId();
  dashboard.startRun(runId, "restart-agent");
  expect((await first.ended).code).toBe(101);
  await host.connect();
  expect(await dashboard.until(() => dashboard.outcome(runId))).toMatchObject({ state: "succeeded" });
  await expectWhole(runId);
});

test("R58: the token is in no log, no argument, no file, and not in the runner's environment", async () => {
  const { dashboard } = host;
  const gate = await pushWaitingTest();
  const agent = await host.connect();
  const runId = await beginTest();
  const runner = await host.runnerPid();
  const texts = [
    await readFile(`/proc/${runner}/environ`, "utf8"),
    await readFile(`/proc/${runner}/cmdline`, "utf8"),
    await readFile(`/proc/${agent.pid}/cmdline`, "utf8"),
  ];
  await gate.release();
  await dashboard.until(() => dashboard.outcome(runId));
  // Whatever comes into a line of the log with it: here, a dashboard that says it back.
  dashboard.send({ type: "goodbye", code: "revoked", reason: `nobody has ${TOKEN}`, comeBackAfter: null });
  await expect.poll(() => agent.stderr()).toContain("nobody has");
  await agent.stop();
  await expect.poll(() => host.runnerPid()).toBeUndefined();
  const withheld = { NIXFLEET_TOKEN: TOKEN, NIXFLEET_TOKEN_FILE: "/token", CREDENTIALS_DIRECTORY: "/credentials" };
  const { stateDir, runnerDir } = host;
  expect(Object.keys(runnerEnvironment({ env: withheld, stateDir, runnerDir })).sort()).toEqual([
    "NIXFLEET_RUNNER_DIR",
    "NIXFLEET_STATE_DIR",
  ]);
  for (const dir of [host.stateDir, host.runnerDir]) {
    for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) texts.push(await readFile(join(entry.parentPath, entry.name), "latin1"));
    }
  }
  texts.push(agent.stderr(), JSON.stringify(dashboard.events(runId)), JSON.stringify(dashboard.hellos));
  expect(texts.filter((text) => text.includes(TOKEN) || text.includes("never-to-be-seen"))).toEqual([]);
  expect(agent.stderr()).toContain("link-up");
});

test("R20: the hello reports what this host is; metrics come at once and at the interval while somebody is watching, and facts only when they change", async () => {
  const { dashboard } = host;
  await host.repo.commit("begin", { "README.md": "x" });
  const agent = await host.connect();
  const { hostname, facts, policy, settings } = host.dashboard.hellos[0] ?? {};
  expect({ hostname, policy, settings }).toMatchObject({
    hostname: "gate",
    policy: { allowRewind: false },
    settings: { interval: 1, repoUrl: host.repo.url },
  });
  expect(Object.keys(facts?.facts ?? {})).toEqual(
    expect.arrayContaining([
      "agent",
      "boot",
      "clone",
      "cores",
      "generations",
      "kernel",
      "memoryTotal",
      "platform",
      "problems",
      "system",
    ]),
  );
  await dashboard.until(() => dashboard.metrics.length >= 1);
  expect(dashboard.metrics[0]?.memory?.total).toBeGreaterThan(0);
  const before = dashboard.metrics.length;
  dashboard.send({ type: "watch", on: true });
  await dashboard.until(() => dashboard.metrics.length >= before + 2);
  expect(dashboard.metrics.at(-1)?.cpu).toBeTypeOf("number");
  dashboard.send({ type: "watch", on: false });
  await pull();
  await dashboard.until(() => dashboard.facts.clone?.commit);
  expect(await agent.stop()).toBe(0);
});
