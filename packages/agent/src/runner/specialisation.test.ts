import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "@nixfleet/runtime";
import { createTempDir, type FixtureHost } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { makeClosure } from "../platforms/closures.fixture.ts";
import { findSpecialisation, listSpecialisations } from "../platforms/specialisations.ts";
import { createTestHost, eventsOf, type TestHost } from "./host.fixture.ts";
import { chooseSpecialisation, type SpecialisationChoice } from "./specialisation.ts";

const x = { name: "x", closure: "/nix/store/x" };
const y = { name: "y", closure: "/nix/store/y" };
const given = (more: Partial<SpecialisationChoice>): SpecialisationChoice => ({
  asked: undefined,
  running: undefined,
  mode: "switch",
  available: [x, y],
  ...more,
});

test.for([
  ["none runs and none is asked for", {}, { kind: "chosen", specialisation: undefined, left: undefined }],
  ["the one that runs is kept", { running: "x" }, { kind: "chosen", specialisation: x, left: undefined }],
  ["in a trial, too", { running: "x", mode: "test" }, { kind: "chosen", specialisation: x, left: undefined }],
  ["another one is asked for", { running: "x", asked: "y" }, { kind: "chosen", specialisation: y, left: undefined }],
  ["none is asked for", { running: "x", asked: null }, { kind: "chosen", specialisation: undefined, left: undefined }],
  ["the one that runs is gone", { running: "z" }, { kind: "chosen", specialisation: undefined, left: "z" }],
  [
    "one that is not there is asked for",
    { asked: "z" },
    { kind: "refused", reason: "There is no specialisation z: it has x, y." },
  ],
  [
    "there is none at all",
    { asked: "z", available: [] },
    { kind: "refused", reason: "There is no specialisation z: it has none." },
  ],
  [
    "the next boot brings the configuration itself",
    { running: "x", mode: "boot" },
    { kind: "chosen", specialisation: undefined, left: undefined },
  ],
  [
    "one is asked for the next boot",
    { asked: "x", mode: "boot" },
    { kind: "refused", reason: expect.stringContaining("boot menu") },
  ],
] as const)("which specialisation is activated: %s", ([, more, chosen]) => {
  expect(chooseSpecialisation(given(more as Partial<SpecialisationChoice>))).toEqual(chosen);
});

test("a closure is told to be a specialisation of the first that has it, and of none that was deployed itself", async () => {
  await using dir = await createTempDir();
  const [special, old, parent] = [
    await makeClosure(dir.path, "x"),
    await makeClosure(dir.path, "old"),
    await makeClosure(dir.path, "new"),
  ];
  for (const one of [old, parent]) {
    await mkdir(join(one, "specialisation"));
    await symlink(special, join(one, "specialisation/x"));
  }
  await symlink(join(dir.path, "nowhere"), join(parent, "specialisation/broken"));
  expect(await listSpecialisations(parent)).toEqual([{ name: "x", closure: special }]);
  expect(await listSpecialisations(special)).toEqual([]);
  const ofNixos = { of: listSpecialisations, becomeGenerations: false };
  const ofHomes = { of: listSpecialisations, becomeGenerations: true };
  const find = (running: string, closures: string[], deployed: string[] = [], which = ofNixos) =>
    findSpecialisation(running, { deployed, closures }, which);
  expect(await find(special, [parent, old])).toEqual({ name: "x", of: parent });
  expect(await find(special, [old, special])).toBeUndefined();
  expect(await find(special, [special, old], [], ofHomes)).toEqual({ name: "x", of: old });
  expect(await find(special, [old, special], [special], ofHomes)).toBeUndefined();
  expect(await find(parent, [old])).toBeUndefined();
});

const withX = (version: string, more: FixtureHost = {}): FixtureHost => ({
  version,
  specialisations: { x: `${version}-x` },
  ...more,
});

/** What runs, what the profile names, and which specialisation of what the facts of the last run say. */
async function seen(host: TestHost, runId: Awaited<ReturnType<TestHost["ask"]>>) {
  const running = await host.deps.platform.runningClosure();
  const profile = await host.deps.platform.profileClosure();
  const [finished] = eventsOf(await host.events(runId), "finished");
  return { running, profile, fact: finished?.proof?.facts.running };
}

test("a specialisation that is asked for runs, the profile and the boot entry are the configuration's, and the next switch keeps it", async () => {
  await using host = await createTestHost({ host: withX("1.0") });
  const first = await host.doRun("switch", { specialisation: "x" });
  expect(first.outcome).toMatchObject({ state: "succeeded" });
  const one = await seen(host, first.runId);
  expect(one.running).not.toBe(one.profile);
  expect(one.fact).toMatchObject({
    closure: one.running,
    specialisation: { name: "x", of: one.profile },
    specialisations: ["x"],
  });
  expect(await host.activations()).toEqual([`test ${one.running}`]);
  expect(await host.bootEntries()).toEqual([one.profile]);
  const [deployed] = eventsOf(await host.events(first.runId), "deployed");
  expect(deployed?.deployment).toMatchObject({ closure: one.profile, generation: 1 });

  await host.flake.commitFlake("newer", { hosts: { gate: withX("2.0") } });
  const preview = await host.doRun("preview");
  const shown = eventsOf(await host.events(preview.runId), "preview")[0]?.preview;
  expect(shown).toMatchObject({ against: one.running, specialisation: { running: "x", next: "x" } });

  const second = await host.doRun("switch", { closure: shown?.closure });
  expect(second.outcome).toMatchObject({ state: "succeeded" });
  const two = await seen(host, second.runId);
  expect(two.profile).toBe(shown?.closure);
  expect(two.fact).toMatchObject({ closure: two.running, specialisation: { name: "x", of: two.profile } });
  expect(two.running).not.toBe(one.running);

  const back = await host.doRun("rollback", { generation: 1 });
  expect(back.outcome).toMatchObject({ state: "succeeded" });
  expect(await seen(host, back.runId)).toMatchObject({ running: one.running, profile: one.profile });
  expect((await host.doRun("rollback", { generation: 1 })).outcome).toMatchObject({ code: "already-current" });

  const none = await host.doRun("rollback", { generation: 2 });
  expect(none.outcome).toMatchObject({ state: "succeeded" });
  const plain = await host.doRun("switch", { specialisation: null });
  expect(plain.outcome).toMatchObject({ state: "succeeded" });
  const last = await seen(host, plain.runId);
  expect(last.running).toBe(last.profile);
  expect(last.fact).not.toHaveProperty("specialisation");
});

test("a switch that has to leave the specialisation says so before it, and the preview does", async () => {
  await using host = await createTestHost({ host: withX("1.0") });
  await host.doRun("switch", { specialisation: "x" });
  await host.flake.commitFlake("without", { hosts: { gate: { version: "2.0" } } });
  const preview = await host.doRun("preview");
  expect(eventsOf(await host.events(preview.runId), "preview")[0]?.preview.specialisation).toEqual({ running: "x", next: null });
  const { runId, outcome } = await host.doRun("switch");
  expect(outcome).toMatchObject({ state: "succeeded" });
  const kinds = (await host.events(runId)).map((event) => (event.kind === "phase" ? event.phase : event.kind));
  const [warning] = eventsOf(await host.events(runId), "warning");
  expect(warning?.message).toMatch(
    /^The host runs the specialisation x, and the configuration has none of that name now: a switch leaves it\.$/,
  );
  expect(kinds.indexOf("warning")).toBeLessThan(kinds.indexOf("activate"));
  const now = await seen(host, runId);
  expect(now.running).toBe(now.profile);
});

test("a specialisation that is not there, or for the next boot, is refused and nothing is activated", async () => {
  await using host = await createTestHost({ host: withX("1.0") });
  for (const args of [{ specialisation: "y" }, { specialisation: "x", mode: "boot" }]) {
    expect((await host.doRun("switch", args)).outcome).toMatchObject({ state: "refused", code: "arguments-invalid" });
  }
  expect(await host.activations()).toEqual([]);
});

test("R63: R37: what is undone brings the specialisation back that ran", async () => {
  await using host = await createTestHost({ host: withX("1.0"), config: { confirmTimeout: 60 } });
  const first = await host.doRun("switch", { specialisation: "x" });
  const before = await seen(host, first.runId);
  await host.flake.commitFlake("broken", { hosts: { gate: withX("2.0", { failActivation: true }) } });
  const { runId, outcome } = await host.doRun("switch");
  expect(outcome).toMatchObject({ state: "rolled-back" });
  const after = await seen(host, runId);
  expect(after).toMatchObject({ running: before.running, profile: before.profile });
  expect(after.fact).toMatchObject({ specialisation: { name: "x", of: before.profile } });
});

test("R63: a confirmed switch that keeps a specialisation is compared with that, and disarmed", async () => {
  await using host = await createTestHost({ host: withX("1.0") });
  await host.doRun("switch", { specialisation: "x" });
  await host.flake.commitFlake("newer", { hosts: { gate: withX("2.0") } });
  const config = { ...host.config, confirmTimeout: 60 };
  const runId = await host.ask("switch");
  await host.run({ config });
  expect(await host.outcome(runId)).toMatchObject({ state: "succeeded" });
  const { fact, profile } = await seen(host, runId);
  expect(fact).toMatchObject({ specialisation: { name: "x", of: profile } });
  expect(await host.bootEntries()).toHaveLength(2);
});

/** A home with a specialisation, after a switch to it. */
async function homeIn(more: FixtureHost = {}) {
  const shape = (version: string, rest: FixtureHost = {}) => ({
    ...withX(version, { platform: "home-manager", packages: 1, files: [".config/motd"], ...more }),
    ...rest,
  });
  const host = await createTestHost({
    platform: "home-manager",
    name: "ada",
    host: shape("1.0"),
    config: { confirmTimeout: 30 },
  });
  const first = await host.doRun("switch", { specialisation: "x" });
  const motd = () => readFile(join(host.env["HOME"] ?? "", ".config/motd"), "utf8");
  const commit = (version: string, rest: FixtureHost = {}) =>
    host.flake.commitFlake(version, { hosts: { ada: shape(version, rest) } });
  return { host, first, motd, commit };
}

test("a home's specialisation that is asked for is activated, the profile is the configuration's, and the next switch keeps it", async () => {
  const { host, first, motd, commit } = await homeIn();
  expect(first.outcome).toEqual({ state: "succeeded" });
  const one = await seen(host, first.runId);
  expect(one.running).not.toBe(one.profile);
  expect(one.fact).toMatchObject({ specialisation: { name: "x", of: one.profile }, specialisations: ["x"] });
  expect(await motd()).toBe("1.0-x\n");

  await commit("2.0");
  const second = await host.doRun("switch");

  expect(second.outcome).toEqual({ state: "succeeded" });
  const two = await seen(host, second.runId);
  expect(two.fact).toMatchObject({ specialisation: { name: "x", of: two.profile } });
  expect(await motd()).toBe("2.0-x\n");
  expect((await host.doRun("switch", { specialisation: null })).outcome).toEqual({ state: "succeeded" });
  expect(await motd()).toBe("2.0\n");
});

test("R63: a home's specialisation that fails past its write boundary leaves the one that ran, with all of its links", async () => {
  const { host, first, motd, commit } = await homeIn();
  const before = await seen(host, first.runId);
  await commit("2.0", { failActivation: true, specialisationFiles: [".config/motd", ".config/second/only"] });

  const failed = await host.doRun("switch");

  expect(failed.outcome).toMatchObject({ state: "rolled-back", code: "activation-failed" });
  expect(await seen(host, failed.runId)).toMatchObject({ running: before.running, profile: before.profile });
  expect(await motd()).toBe("1.0-x\n");
  await expect(readFile(join(host.env["HOME"] ?? "", ".config/second/only"))).rejects.toThrow("ENOENT");
});

test("a home's specialisation that somebody activated by its path is one all the same, though the profile names it", async () => {
  const { host, first, motd, commit } = await homeIn();
  const { running = "", profile } = await seen(host, first.runId);
  await host.doRun("switch", { specialisation: null });
  const env = { ...host.env, NIXFLEET_SYSTEM_ROOT: host.config.systemRoot };
  expect(await exec({ argv: [join(running, "activate")], env }).result).toMatchObject({ end: { exitCode: 0 } });
  expect(await host.deps.platform.profileClosure()).toBe(running);

  const preview = await host.doRun("preview");
  expect((await seen(host, preview.runId)).fact).toMatchObject({ specialisation: { name: "x", of: profile } });
  await commit("2.0");
  expect((await host.doRun("switch")).outcome).toEqual({ state: "succeeded" });
  expect(await motd()).toBe("2.0-x\n");
});

test("a home of before the profile was its caller's to set has no specialisations, since its activation would take it", async () => {
  const { first } = await homeIn({ homeManager: "25.05" });
  expect(first.outcome).toMatchObject({ state: "refused", code: "arguments-invalid" });
});
