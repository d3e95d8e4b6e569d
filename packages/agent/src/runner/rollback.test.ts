import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { succeeded } from "@nixfleet/runtime";
import { expect, test } from "vitest";
import { runByHand } from "./by-hand.ts";
import { createTestHost, eventsOf, type TestHost } from "./host.fixture.ts";
import { createRunningHost } from "./running-host.fixture.ts";

const runningHost = createRunningHost();
/** Without the dead-man switch. */
const off = { config: {} };

/** Deploys a version. Returns its commit and closure. */
async function deployVersion(host: TestHost, version: string) {
  const platform = host.deps.platform.name === "home-manager" ? ("home-manager" as const) : ("nixos" as const);
  const commit = await host.flake.commitFlake(version, { hosts: { [host.config.hostname]: { version, platform, packages: 1 } } });
  const { outcome } = await host.doRun("switch", {}, { commit });
  expect(outcome).toEqual({ state: "succeeded" });
  return { commit, closure: (await host.deps.platform.runningClosure()) ?? "" };
}

async function nixEnv(host: TestHost, ...words: string[]): Promise<void> {
  const profile = (await host.deps.platform.profile()) ?? "";
  expect(succeeded(await host.deps.exec({ argv: ["nix-env", "-p", profile, ...words], env: host.env }).result)).toBe(true);
}

const profileLink = (host: TestHost, name: string) => join(host.config.systemRoot, "nix/var/nix/profiles", name);

test("R34: a rollback goes to the chosen number by that closure's own activator; 10 comes after 9", async () => {
  await using host = await createTestHost();
  const a = await deployVersion(host, "1.0");
  const b = await deployVersion(host, "2.0");
  for (let number = 3; number <= 10; number++) await nixEnv(host, "--set", number % 2 === 1 ? a.closure : b.closure);

  const back = await host.doRun("rollback", { generation: 9 });
  expect(back.outcome).toEqual({ state: "succeeded" });
  const events = await host.events(back.runId);
  expect(eventsOf(events, "phase").map(({ phase }) => phase)).toEqual(["diff", "activate"]);
  expect(eventsOf(events, "deployed")[0]?.deployment).toMatchObject({ closure: a.closure, commit: a.commit, generation: 9 });
  expect((await host.activations()).at(-1)).toBe(`test ${a.closure}`);
  const facts = eventsOf(events, "finished")[0]?.proof?.facts;
  expect(facts?.running?.closure).toBe(a.closure);
  expect(facts?.profile).toEqual({ closure: a.closure, generation: 9 });
  expect(facts?.generations?.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(facts?.generations?.filter(({ current }) => current)).toMatchObject([{ number: 9, commit: a.commit }]);

  expect((await host.doRun("rollback", { generation: 10 })).outcome).toEqual({ state: "succeeded" });
  expect(await host.deps.platform.generation()).toBe(10);
  expect(await host.deps.platform.runningClosure()).toBe(b.closure);
});

test("R34: a generation that was never there or was collected is refused, and so is the one that runs, unless forced", async () => {
  await using host = await createTestHost();
  const missing = { state: "refused", code: "generation-missing" };
  expect((await host.doRun("rollback", { generation: 1 })).outcome).toMatchObject(missing);
  const a = await deployVersion(host, "1.0");
  const b = await deployVersion(host, "2.0");
  await rm(profileLink(host, "system-1-link"));
  await symlink(a.closure.replace(/-nixos/, "-gone-nixos"), profileLink(host, "system-1-link"));
  expect((await host.doRun("rollback", { generation: 1 })).outcome).toMatchObject(missing);
  expect((await host.doRun("rollback", { generation: 3 })).outcome).toMatchObject(missing);

  const current = { generation: 2 };
  expect((await host.doRun("rollback", current)).outcome).toMatchObject({ state: "refused", code: "already-current" });
  expect((await host.doRun("rollback", current, { force: true })).outcome).toEqual({ state: "succeeded" });
  expect(await host.activations()).toEqual([`test ${a.closure}`, `test ${b.closure}`, `test ${b.closure}`]);
});

test("what runs, while another generation waits for its boot, can be chosen: the next boot is then of it", async () => {
  const { host, first, second } = await runningHost(off);
  const generation = await host.deps.platform.generation();
  await host.doRun("switch", { mode: "boot" }, { commit: second });
  expect(await host.deps.platform.profileClosure()).not.toBe(first);
  expect((await host.doRun("rollback", { generation })).outcome).toEqual({ state: "succeeded" });
  expect(await host.deps.platform.profileClosure()).toBe(first);
});

test("a generation of which no commit is known is deployed as that", async () => {
  const { host, first, second } = await runningHost(off);
  const generation = await host.deps.platform.generation();
  expect((await host.doRun("switch", {}, { commit: second })).outcome).toEqual({ state: "succeeded" });
  await rm(join(host.config.runnerDir, "deployments.jsonl"));
  const { runId, outcome } = await host.doRun("rollback", { generation });
  expect(outcome).toEqual({ state: "succeeded" });
  expect(eventsOf(await host.events(runId), "deployed")[0]?.deployment).toMatchObject({ closure: first, commit: null });
});

test("R34 R56: where commits must be signed, a dashboard goes back to signed ones where it may; a person on the host always does", async () => {
  const { host, first, second } = await runningHost(off);
  const generation = await host.deps.platform.generation();
  expect((await host.doRun("switch", {}, { commit: second })).outcome).toEqual({ state: "succeeded" });
  const signing = { ...host.config.signing, required: true };
  const strict = await host.ask("rollback", { generation }, { force: true });
  await host.run({ config: { ...host.config, signing } });
  expect(await host.outcome(strict)).toMatchObject({ state: "refused", code: "not-fast-forward" });
  const allowed = await host.ask("rollback", { generation });
  await host.run({ config: { ...host.config, signing, allowRewind: true } });
  expect(await host.outcome(allowed)).toMatchObject({ state: "refused", code: "unsigned-commit" });
  const byHand = await runByHand(
    { ...host.deps, config: { ...host.config, signing } },
    {
      ask: async () => ({ op: "rollback", args: { generation: generation ?? 0 } }),
      force: false,
      askedBy: "ada",
      cancelled: new AbortController().signal,
      onWait: () => {},
      onBegin: () => {},
    },
  );
  expect(byHand).toMatchObject({ kind: "ended", outcome: { state: "succeeded" } });
  expect(await host.deps.platform.runningClosure()).toBe(first);
});

test("R34: Home Manager goes back to the old generation itself, as `home-manager switch --rollback` does", async () => {
  await using host = await createTestHost({ platform: "home-manager", name: "ada" });
  const a = await deployVersion(host, "1.0");
  await deployVersion(host, "2.0");
  const { runId, outcome } = await host.doRun("rollback", { generation: 1 });
  expect(outcome).toEqual({ state: "succeeded" });
  expect(await host.deps.platform.runningClosure()).toBe(a.closure);
  expect(eventsOf(await host.events(runId), "deployed")[0]?.deployment).toMatchObject({ closure: a.closure, generation: 1 });
});
