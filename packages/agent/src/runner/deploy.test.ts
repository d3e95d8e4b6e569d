import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { RunEvent, RunId } from "@nixfleet/protocol";
import { type Clock, systemClock } from "@nixfleet/runtime";
import type { FixtureHost } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { readDeadmanFact } from "../deadman/record.ts";
import { undo } from "../deadman/undo.ts";
import type { HealthCheck } from "../settings.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { type ConfirmDashboard, createConfirmDashboard, SECRET } from "./confirm-dashboard.fixture.ts";
import { createTestHost, eventsOf, logText, type TestHost } from "./host.fixture.ts";
import { createRunningHost } from "./running-host.fixture.ts";

const secret = { confirmSecret: SECRET };

const runningHost = createRunningHost();

/** A host that asks this dashboard, or one that is not there. */
const hostThatRuns = (
  dashboard: ConfirmDashboard | undefined,
  { next, ...config }: Partial<TestHost["config"]> & { next?: FixtureHost } = {},
) =>
  runningHost({ config: { url: dashboard?.url ?? "http://127.0.0.1:9", confirmTimeout: 30, ...config }, ...(next && { next }) });

/**
 * A clock by which a test ends one of a run's times when it likes: what is to last so many milliseconds. By default that is the
 * confirm window; nothing else of a run waits for 20 to 30 seconds.
 */
function createHeldClock([from, to] = [20_000, 30_000]): { clock: Clock; end(): void } {
  let ends: (() => void) | undefined;
  const clock: Clock = {
    now: systemClock.now,
    setTimeout(fn, ms) {
      if (ms <= from || ms > to) return systemClock.setTimeout(fn, ms);
      ends = fn;
      return { cancel: () => {} };
    },
  };
  return { clock, end: () => ends?.() };
}

/** Does a run whose window ends as soon as something was found not to hold. */
async function runUntilRefused(host: TestHost, runId: RunId, config: Partial<TestHost["config"]> = {}): Promise<void> {
  const { clock, end } = createHeldClock();
  const done = host.run({ clock, config: { ...host.config, ...config } });
  await host.seen(runId, (event) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("Not yet: ")));
  end();
  await done;
}

const phasesOf = async (host: TestHost, runId: RunId) => eventsOf(await host.events(runId), "phase").map(({ phase }) => phase);

/** That the host is as before a run. */
async function expectRolledBack(host: TestHost, { first, runId }: { first: string; runId: RunId }) {
  const { platform, config } = host.deps;
  expect(await platform.runningClosure()).toBe(first);
  expect(await platform.profileClosure()).toBe(first);
  expect(await readDeadmanFact(config.runnerDir)).toEqual({ deadman: null });
  expect((await createLedger(runnerLayout(config.runnerDir).deployments).read()).map((one) => one.runId)).not.toContain(runId);
}

/** As much, and that nothing keeps the host from its next run. */
async function expectRolledBackAndNextRun(host: TestHost, was: { first: string; runId: RunId }) {
  await expectRolledBack(host, was);
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
}

test("R37: a switch is armed, activated, confirmed over connections of their own, disarmed, and only then recorded", async () => {
  const dashboard = await createConfirmDashboard(409);
  const { host, first, second } = await hostThatRuns(dashboard);
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run();
  await dashboard.askedTimes(2);
  const armed = (await readDeadmanFact(host.config.runnerDir)).deadman;
  expect(armed).toMatchObject({ runId, back: first });
  expect(eventsOf(await host.events(runId), "deployed")).toEqual([]);
  dashboard.answer = 200;
  await done;

  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  expect(await phasesOf(host, runId)).toEqual(["fetch", "evaluate", "build", "diff", "activate", "confirm"]);
  expect(eventsOf(events, "armed")).toMatchObject([{ back: first, until: armed?.until }]);
  expect(eventsOf(events, "deployed")).toMatchObject([
    { deployment: { commit: second, closure: await host.deps.platform.runningClosure() } },
  ]);
  expect(await readDeadmanFact(host.config.runnerDir)).toEqual({ deadman: null });
  const path = `/fleet/agent/runs/${runId}/confirm`;
  for (const one of dashboard.requests) expect(one).toMatchObject({ method: "POST", path, authorization: `Bearer ${SECRET}` });
  expect(new Set(dashboard.requests.map(({ connection }) => connection)).size).toBe(dashboard.requests.length);
  expect(JSON.stringify(events)).not.toContain(SECRET);
});

test("R37: a dashboard that cannot be reached, or does not say yes: the host goes back, profile and all, and says why", async () => {
  const dashboard = await createConfirmDashboard(409);
  for (const url of [dashboard.url, "http://127.0.0.1:9"]) {
    const { host, first, second } = await hostThatRuns(dashboard, { url });
    const runId = await host.ask("switch", {}, { commit: second, ...secret });
    await runUntilRefused(host, runId);
    expect(await host.outcome(runId)).toMatchObject({
      state: "rolled-back",
      code: "not-confirmed",
      reason: expect.stringContaining(first),
    });
    expect((await phasesOf(host, runId)).slice(-3)).toEqual(["activate", "confirm", "undo"]);
    const events = await host.events(runId);
    expect(eventsOf(events, "deployed")).toEqual([]);
    expect(logText(events).filter((line) => line === "activating the configuration...")).toHaveLength(2);
    expect(eventsOf(events, "finished")[0]?.proof?.facts).toMatchObject({ running: { closure: first }, deadman: null });
    await expectRolledBack(host, { first, runId });
  }
});

test("R37: an activation that fails, or reports failed units, is undone at once", async () => {
  const dashboard = await createConfirmDashboard();
  const nixos = await hostThatRuns(dashboard, { next: { failActivation: true } });
  const failed = await nixos.host.doRun("switch", {}, { commit: nixos.second, ...secret });
  expect(failed.outcome).toMatchObject({ state: "rolled-back", code: "units-failed", exitCode: 4 });
  await expectRolledBack(nixos.host, { first: nixos.first, runId: failed.runId });

  const platform = "home-manager" as const;
  const config = { url: dashboard.url, confirmTimeout: 30 };
  const home = await createTestHost({ platform, name: "ada", host: { packages: 1, version: "1.0" }, config });
  expect((await home.doRun("switch", {}, { commit: await home.flake.head() })).outcome.state).toBe("succeeded");
  const first = (await home.deps.platform.runningClosure()) ?? "";
  const commit = await home.flake.commitFlake("second", { hosts: { ada: { platform, packages: 1, failActivation: true } } });
  const half = await home.doRun("switch", {}, { commit, ...secret });
  expect(half.outcome).toMatchObject({ state: "rolled-back", code: "activation-failed", exitCode: 1 });
  await expectRolledBack(home, { first, runId: half.runId });
  expect(dashboard.requests).toEqual([]);
});

test("R37: a unit that fails after the activation undoes it; one that had failed before, or may fail, does not", async () => {
  const dashboard = await createConfirmDashboard();
  const { host, first, second } = await hostThatRuns(dashboard, { ignoreFailedUnits: ["flaky"] });
  let failed = ["old.service"];
  // No systemd runs this test: the test says which units failed.
  const platform = { ...host.deps.platform, failedUnits: async () => failed };
  const activation: typeof platform.activation = (closure, mode) => {
    failed = ["old.service", "flaky.service", "web.service"];
    return host.deps.platform.activation(closure, mode);
  };
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await host.run({ platform: { ...platform, activation } });
  expect(await host.outcome(runId)).toMatchObject({ state: "rolled-back", code: "units-failed" });
  expect((await host.outcome(runId)).reason).toMatch(/A unit failed after the activation: web\.service\./);
  await expectRolledBack(host, { first, runId });

  failed = ["old.service"];
  const again = await host.ask("switch", {}, { commit: second, ...secret });
  await host.run({
    platform: {
      ...platform,
      activation(closure, mode) {
        failed = ["old.service", "flaky.service"];
        return host.deps.platform.activation(closure, mode);
      },
    },
  });
  expect(await host.outcome(again)).toEqual({ state: "succeeded" });
});

test("R37: each kind of health check decides; what fails at the end of the window is named", async () => {
  const dashboard = await createConfirmDashboard();
  const listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  const good: HealthCheck[] = [
    { kind: "http", url: `${dashboard.url}/page`, timeout: 5 },
    { kind: "tcp", host: "127.0.0.1", port, timeout: 5 },
    { kind: "command", argv: ["sh", "-c", "exit 0"], timeout: 5 },
  ];
  const bad: [HealthCheck, string][] = [
    [
      { kind: "http", name: "the page", url: `${dashboard.url}/page`, status: 204, timeout: 5 },
      "the page: it answers 200 instead of 204",
    ],
    [{ kind: "tcp", host: "127.0.0.1", port: 9, timeout: 5 }, "127.0.0.1:9: connect ECONNREFUSED 127.0.0.1:9"],
    [{ kind: "command", argv: ["sh", "-c", "echo no mail >&2; exit 3"], timeout: 5 }, "sh: exit code 3: no mail"],
    [{ kind: "command", name: "slow", argv: ["sleep", "60"], timeout: 1 }, "slow: no answer within 1 s"],
  ];
  const { host, first, second } = await hostThatRuns(dashboard);
  const refused = await host.ask("switch", {}, { commit: second, ...secret });
  await runUntilRefused(host, refused, { healthChecks: [...good, ...bad.map(([check]) => check)] });
  expect(await host.outcome(refused)).toMatchObject({ state: "rolled-back", code: "health-check-failed" });
  const named = bad.map(([, words]) => words).join("; ");
  expect((await host.outcome(refused)).reason).toContain(`A health check does not hold: ${named}.`);
  await expectRolledBack(host, { first, runId: refused });

  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await host.run({ config: { ...host.config, healthChecks: good } });
  listener.close();
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
});

test("R9, R37: cancel while it waits for its confirmation: the run ends as cancelled, and the host goes back before the next one", async () => {
  const dashboard = await createConfirmDashboard("silent");
  const { host, first, second } = await hostThatRuns(dashboard);
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run();
  await dashboard.askedTimes(1);
  await host.files.askCancel(runId);
  await done;
  expect(await host.outcome(runId)).toEqual({
    state: "cancelled",
    reason: `Cancelled by a person. Stopped before the activation was confirmed. The host is back at ${first}.`,
  });
  expect(JSON.parse(await readFile(runnerLayout(host.config.runnerDir).run(runId).undone, "utf8"))).toMatchObject({ left: null });
  await expectRolledBackAndNextRun(host, { first, runId });
});

test("R9, R37: cancel and deadline in an armed activation end it, and the host goes back", async () => {
  const dashboard = await createConfirmDashboard();
  const { host, first, second } = await hostThatRuns(dashboard, { next: { activationSeconds: 60 } });
  const cancelled = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run();
  const isActivating = (event: RunEvent) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("activating"));
  await host.seen(cancelled, isActivating);
  await host.files.askCancel(cancelled);
  await done;
  expect(await host.outcome(cancelled)).toMatchObject({ state: "cancelled" });
  await expectRolledBack(host, { first, runId: cancelled });

  const late = await host.ask("switch", {}, { commit: second, deadline: 55_500, ...secret });
  const { clock, end } = createHeldClock([55_000, 56_000]);
  const lateDone = host.run({ clock });
  await host.seen(late, isActivating);
  end();
  await lateDone;
  expect(await host.outcome(late)).toMatchObject({ state: "timed-out", code: "deadline-passed" });
  await expectRolledBack(host, { first, runId: late });
});

test("R37: a confirmation that comes after an undo changes nothing", async () => {
  const dashboard = await createConfirmDashboard("silent");
  const { host, first, second } = await hostThatRuns(dashboard);
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run();
  await dashboard.askedTimes(1);
  const { runnerDir } = host.config;
  const undone = await undo({ runnerDir, exec: host.deps.exec, clock: systemClock, log: () => {} }, { why: "person" });
  expect(undone).toMatchObject({ kind: "undone", undone: { running: first, left: null, exitCodes: [0] } });
  dashboard.release(200);
  await done;
  expect(await host.outcome(runId)).toMatchObject({ state: "rolled-back", code: "cancelled-by-person" });
  await expectRolledBack(host, { first, runId });
});

test("R37: an activation that hangs past the window is ended by the dead-man switch, which goes back", async () => {
  const dashboard = await createConfirmDashboard();
  const { host, first, second } = await hostThatRuns(dashboard, {
    confirmTimeout: 2,
    next: { activationSeconds: 600 },
  });
  const { runId, outcome } = await host.doRun("switch", {}, { commit: second, ...secret });
  expect(outcome).toMatchObject({ state: "rolled-back", code: "not-confirmed" });
  const undone = JSON.parse(await readFile(runnerLayout(host.config.runnerDir).run(runId).undone, "utf8"));
  expect(undone).toMatchObject({ why: "timer", running: first, left: null });
  await expectRolledBackAndNextRun(host, { first, runId });
});

test("by hand, without a secret: a dashboard that answered before must answer after; one that was gone is not asked", async () => {
  const dashboard = await createConfirmDashboard();
  const { host, first, second } = await hostThatRuns(dashboard, { next: { activationSeconds: 1 } });
  const failing = await host.ask("switch", {}, { commit: second });
  const armed = host
    .seen(failing, (event) => event.kind === "armed")
    .then(() => {
      dashboard.answer = 503;
    });
  await Promise.all([runUntilRefused(host, failing), armed]);
  expect(await host.outcome(failing)).toMatchObject({ state: "rolled-back", code: "not-confirmed" });
  expect(dashboard.requests[0]).toMatchObject({ method: "GET", path: "/fleet/health", authorization: undefined });
  await expectRolledBack(host, { first, runId: failing });
  expect((await host.doRun("switch", {}, { commit: second })).outcome).toEqual({ state: "succeeded" });
});

test("nothing is armed for the next boot, nor where nothing runs to go back to", async () => {
  const dashboard = await createConfirmDashboard(409);
  await using host = await createTestHost({ host: {}, config: { url: dashboard.url, confirmTimeout: 30 } });
  const commit = await host.flake.head();
  const boot = await host.doRun("switch", { mode: "boot" }, { commit, ...secret });
  const fresh = await host.doRun("switch", {}, { commit, ...secret });
  for (const { runId, outcome } of [boot, fresh]) {
    expect(outcome).toEqual({ state: "succeeded" });
    expect(eventsOf(await host.events(runId), "armed")).toEqual([]);
  }
  expect(eventsOf(await host.events(fresh.runId), "warning")[0]?.message).toContain("There is no running closure to go back to");
  expect(await exists(runnerLayout(host.config.runnerDir).deadman)).toBe(false);
  expect(dashboard.requests).toEqual([]);
});

test("a rollback is armed and confirmed like a switch; one that is not confirmed leaves what ran", async () => {
  const dashboard = await createConfirmDashboard();
  const { host, first, second } = await hostThatRuns(dashboard);
  const { platform } = host.deps;
  const generation = await platform.generation();
  await host.doRun("switch", {}, { commit: second, ...secret });
  const newer = [await platform.runningClosure(), await platform.generation()];
  expect(newer[0]).not.toBe(first);
  dashboard.answer = 409;
  const runId = await host.ask("rollback", { generation }, secret);
  await runUntilRefused(host, runId);
  expect(await host.outcome(runId)).toMatchObject({ state: "rolled-back", code: "not-confirmed" });
  expect([await platform.runningClosure(), await platform.generation()]).toEqual(newer);
  dashboard.answer = 200;
  expect((await host.doRun("rollback", { generation }, secret)).outcome).toEqual({ state: "succeeded" });
  expect([await platform.runningClosure(), await platform.generation()]).toEqual([first, generation]);
});
