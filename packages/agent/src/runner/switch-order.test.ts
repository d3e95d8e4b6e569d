import { mkdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { RunEvent, RunId } from "@nixfleet/protocol";
import type { Exec } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { readArmed, readDeadmanFact } from "../deadman/record.ts";
import type { HostStep } from "../platforms/platform.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createConfirmDashboard, SECRET } from "./confirm-dashboard.fixture.ts";
import { eventsOf, leaveHalfLoaderConf, logText, type TestHost } from "./host.fixture.ts";
import { createRunningHost } from "./running-host.fixture.ts";

const secret = { confirmSecret: SECRET };
const runningHost = createRunningHost();

async function hostThatRuns(answer: number, options: Partial<Parameters<typeof runningHost>[0]> = {}) {
  const dashboard = await createConfirmDashboard(answer);
  const running = await runningHost({ ...options, config: { url: dashboard.url, confirmTimeout: 30, ...options.config } });
  // A test before may have left a profile that only waits for its boot.
  const was = await stateOf(running.host);
  return { dashboard, ...running, was, before: (await running.host.bootEntries()).length };
}

/** What a boot of the host would bring, and what runs. */
const stateOf = async ({ deps: { platform } }: TestHost) => ({
  running: await platform.runningClosure(),
  profile: await platform.profileClosure(),
});

const activating = (event: RunEvent) => event.kind === "log" && event.lines.some(({ text }) => text.startsWith("activating"));

async function expectOver(host: TestHost, runId: RunId): Promise<void> {
  expect(await readDeadmanFact(host.config.runnerDir)).toEqual({ deadman: null });
  const { roots } = runnerLayout(host.config.runnerDir).run(runId);
  await expect(readlink(join(roots, "root"))).rejects.toThrow("ENOENT");
}

test("R82: until a switch is confirmed, neither profile nor boot entry names it; what runs, what is wanted and the way back are rooted", async () => {
  const { host, dashboard, first, second, was, before } = await hostThatRuns(409);
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run();
  await dashboard.askedTimes(1);
  const waiting = await stateOf(host);
  expect(waiting.running).not.toBe(first);
  expect(waiting.profile).toBe(was.profile);
  expect((await host.bootEntries()).slice(before)).toEqual([]);
  const { roots } = runnerLayout(host.config.runnerDir).run(runId);
  const rooted = await Promise.all(["root", "root-2"].map((name) => readlink(join(roots, name))));
  expect(new Set(rooted)).toEqual(new Set([first, waiting.running]));

  dashboard.answer = 200;
  await done;
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  expect(await stateOf(host)).toEqual({ running: waiting.running, profile: waiting.running });
  expect((await host.bootEntries()).slice(before)).toEqual([waiting.running]);
  const commands = eventsOf(await host.events(runId), "command").map(({ argv }) => argv.slice(-2).join(" "));
  expect(commands.slice(-3)).toEqual([
    `${waiting.running}/bin/switch-to-configuration test`,
    `--set ${waiting.running}`,
    `${waiting.running}/bin/switch-to-configuration boot`,
  ]);
  await expectOver(host, runId);
});

/** A host whose last steps are these. */
function withPermanentSteps(
  host: TestHost,
  change: (steps: readonly HostStep[]) => readonly HostStep[],
): Partial<TestHost["deps"]> {
  const { platform } = host.deps;
  const permanentSteps: typeof platform.permanentSteps = async (...of) => change(await platform.permanentSteps(...of));
  return { platform: { ...platform, permanentSteps } };
}

test.for(["switch", "boot"] as const)(
  "R82: mode %s: what an installation of boot entries that was cut off has left is removed before the next one, and said",
  async (mode) => {
    const { host, second, before } = await hostThatRuns(200);
    const left = await leaveHalfLoaderConf(host);
    const runId = await host.ask("switch", { mode }, { commit: second, ...secret });
    await host.run();
    expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
    expect((await host.bootEntries()).slice(before)).toEqual([(await stateOf(host)).profile]);
    expect(logText(await host.events(runId)).join("\n")).toContain(
      `left ${left}, with which each later one fails. It was removed.`,
    );
    await expectOver(host, runId);
  },
);

const failing: HostStep["argv"] = ["/bin/sh", "-c", "echo 'error: No space left on device' >&2; exit 1"];

test.for(["switch", "boot"] as const)(
  "R82: mode %s: a boot entry that cannot be installed is undone like all else: profile, what runs, and the old entry",
  async (mode) => {
    const { host, second, was, before } = await hostThatRuns(200);
    const runId = await host.ask("switch", { mode }, { commit: second, ...secret });
    const deps = withPermanentSteps(host, (steps) =>
      steps.map((step) => (step.kind === "profile" ? step : { ...step, argv: failing })),
    );
    await host.run(deps);
    expect(await host.outcome(runId)).toMatchObject({
      state: "rolled-back",
      code: "disk-full",
      exitCode: 1,
      firstError: "No space left on device",
      reason: expect.stringContaining("The boot entry could not be installed: exit code 1."),
    });
    expect(await stateOf(host)).toEqual(was);
    expect((await host.bootEntries()).slice(before)).toEqual([was.profile]);
    await expectOver(host, runId);
  },
);

test("R82: mode boot is armed while it works, activates nothing, and asks nobody", async () => {
  const { host, dashboard, first, second, before } = await hostThatRuns(409);
  const activations = await host.activations();
  const runId = await host.ask("switch", { mode: "boot" }, { commit: second, ...secret });
  await host.run();
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  const { running, profile } = await stateOf(host);
  expect(running).toBe(first);
  expect((await host.bootEntries()).slice(before)).toEqual([profile]);
  expect(await host.activations()).toEqual(activations);
  expect(eventsOf(await host.events(runId), "armed")).toHaveLength(1);
  expect(dashboard.requests).toEqual([]);
  await expectOver(host, runId);
});

test("R82: what somebody else has activated since the run began is not switched away: refused, and nothing is touched", async () => {
  const { host, second, was, before } = await hostThatRuns(200);
  const profile = (await host.deps.platform.profile()) ?? "";
  const activations = await host.activations();
  // A person sets the profile by hand while the run prepares.
  let isDone = false;
  const interfering: Exec = (request) => {
    if (!isDone && request.argv.includes("--add-root") && request.argv.some((word) => word.endsWith("/roots/root"))) {
      isDone = true;
      const argv: [string, ...string[]] = [
        "nix-env",
        "-p",
        profile,
        "--set",
        request.argv.find((word) => word.includes("-nixos-")) ?? "",
      ];
      const result = host.deps.exec({ argv, env: host.env }).result.then(() => host.deps.exec(request).result);
      return { pid: undefined, result };
    }
    return host.deps.exec(request);
  };
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await host.run({ exec: interfering });
  expect(isDone).toBe(true);
  expect(await host.outcome(runId)).toMatchObject({
    state: "refused",
    code: "system-changed",
    reason: expect.stringContaining(`and pointed to ${was.profile}`),
  });
  expect(await host.activations()).toEqual(activations);
  expect((await host.bootEntries()).slice(before)).toEqual([]);
  await expectOver(host, runId);
});

/** /etc of the host is that of a closure, as an activation leaves it. */
async function linkEtc(host: TestHost, closure: string): Promise<string> {
  const link = join(host.config.systemRoot, "etc/static");
  await mkdir(join(host.config.systemRoot, "etc"), { recursive: true });
  await rm(link, { force: true });
  await symlink(join(closure, "etc"), link);
  return link;
}

/** A host whose activations of this closure leave /etc as theirs, which the fixture's own do not. */
function withEtc(host: TestHost, link: string, more: string): Partial<TestHost["deps"]> {
  const { platform } = host.deps;
  const activation: typeof platform.activation = (closure, mode) => {
    const own = platform.activation(closure, mode);
    const script = `ln -sfn "$2/etc" "$1"; shift 2; "$@"; ${more}`;
    return { ...own, argv: ["/bin/sh", "-c", script, "activation", link, closure, ...own.argv] };
  };
  return { platform: { ...platform, activation } };
}

test("R63: an activation that says that it went well, and did not, is undone: succeeded is what was seen", async () => {
  const { host, first, second, was } = await hostThatRuns(200);
  const link = await linkEtc(host, first);
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await host.run();
  expect(await host.outcome(runId)).toMatchObject({
    state: "rolled-back",
    code: "post-check-failed",
    reason: expect.stringContaining(`${link} leads to ${first}/etc`),
  });
  expect(await stateOf(host)).toEqual(was);
  await rm(link);
});

test("R63: an undo whose programs all went well, and that has not brought everything back, is no rollback: the run says what differs", async () => {
  const { host, first, second, was } = await hostThatRuns(200);
  const link = await linkEtc(host, first);
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  await host.run(withEtc(host, link, "exit 3"));
  expect(await host.outcome(runId)).toMatchObject({
    state: "failed",
    code: "undo-failed",
    reason: expect.stringMatching(
      /The activation ended with exit code 3\. The undo did not restore everything: \S+ leads to \S+, and not to /,
    ),
  });
  expect(await stateOf(host)).toEqual(was);
  await rm(link);
});

test("R9, R63: a run that is cancelled says what its undo has brought back, and fails where that is not all", async () => {
  const { host, first, second } = await hostThatRuns(200, { next: { activationSeconds: 60 } });
  const link = await linkEtc(host, first);
  const cancelled = async (deps: Partial<TestHost["deps"]>) => {
    const runId = await host.ask("switch", {}, { commit: second, ...secret });
    const done = host.run(deps);
    await host.seen(runId, activating);
    await host.files.askCancel(runId);
    await done;
    await expectOver(host, runId);
    return host.outcome(runId);
  };
  expect(await cancelled({})).toEqual({
    state: "cancelled",
    reason: `Cancelled by a person. Stopped during the activation. The host is back at ${first}.`,
  });
  expect(await cancelled(withEtc(host, link, ""))).toMatchObject({ state: "failed", code: "undo-failed" });
  await rm(link);
});

test("R68: while the dashboard is away the confirm window is extended, as the record and the run say, and the switch is confirmed when it is back", async () => {
  const { host, dashboard, second } = await hostThatRuns(503, { config: { confirmTimeout: 4 } });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run();
  const { until = 0 } = (await host.seen(runId, (event) => event.kind === "armed")) as RunEvent & { until?: number };
  await host.seen(runId, (event) => event.kind === "armed" && event.until > until);
  const record = JSON.parse(await readFile(runnerLayout(host.config.runnerDir).deadman, "utf8"));
  expect(record).toMatchObject({ runId, windows: 2, timers: 2 });
  dashboard.answer = 200;
  await done;
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
  const events = await host.events(runId);
  expect(eventsOf(events, "armed")).toHaveLength(2);
  expect(logText(events).join("\n")).toContain("the confirm window is extended (2 of at most 5)");
  await expectOver(host, runId);
});

test("R63: a switch without a dead-man switch is no more believed than another one: what differs afterwards is a failure", async () => {
  const { host, second } = await hostThatRuns(200, { config: { confirmTimeout: 0 } });
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const doNothing: HostStep["argv"] = ["/bin/sh", "-c", "exit 0"];
  await host.run(withPermanentSteps(host, (steps) => steps.map((step) => ({ ...step, argv: doNothing }))));
  expect(await host.outcome(runId)).toMatchObject({
    state: "failed",
    code: "post-check-failed",
    reason: expect.stringContaining("The profile points to"),
  });
});

test("R63: what an undo would find before the activation already is written down, and not held against it", async () => {
  const { host, dashboard, second } = await hostThatRuns(409);
  const { platform } = host.deps;
  const what = "~/.bashrc (the home's own)";
  const differences: typeof platform.differences = async ({ after }) =>
    after === "undo" ? [{ what, sentence: "It differs." }] : [];
  const runId = await host.ask("switch", {}, { commit: second, ...secret });
  const done = host.run({ platform: { ...platform, differences } });
  await dashboard.askedTimes(1);
  const layout = runnerLayout(host.config.runnerDir);
  expect(await readArmed(layout)).toMatchObject({ kind: "ok", value: { excepted: [what] } });
  dashboard.answer = 200;
  await done;
  expect(await host.outcome(runId)).toEqual({ state: "succeeded" });
});
