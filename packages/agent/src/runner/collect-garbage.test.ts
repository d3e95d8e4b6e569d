import { existsSync } from "node:fs";
import { lutimes, mkdir, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeLinks } from "../platforms/closures.fixture.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createTestHost, eventsOf, type TestHost } from "./host.fixture.ts";
import { oldGenerations } from "./ops/collect-garbage.ts";

const DAY = 86_400_000;

async function deployVersion(host: TestHost, version: string, mode = "switch"): Promise<string> {
  const commit = await host.flake.commitFlake(version, { hosts: { gate: { version, packages: 1 } } });
  expect((await host.doRun("switch", { mode }, { commit })).outcome).toEqual({ state: "succeeded" });
  return (await host.deps.platform.runningClosure()) ?? "";
}

/** As if the spool's own roots had been pruned. */
async function leaveOnlyProfiles(host: TestHost): Promise<void> {
  const { runs } = runnerLayout(host.config.runnerDir);
  for (const run of await readdir(runs)) await rm(join(runs, run, "result"), { force: true });
  await rootWhatRuns(host);
}

/** The roots that NixOS keeps of what runs and was booted. */
async function rootWhatRuns(host: TestHost): Promise<void> {
  const roots = join(host.env["NIX_STATE_DIR"] ?? "", "gcroots");
  await mkdir(roots, { recursive: true });
  for (const name of ["current-system", "booted-system"]) {
    await symlink(join(host.config.systemRoot, "run", name), join(roots, name));
  }
}

test("old generations go, and what only they held; what runs, was booted, is booted next or was good last stays", async () => {
  await using host = await createTestHost();
  const versions = ["1.0", "2.0", "3.0", "4.0"];
  const closures: string[] = [];
  for (const version of versions) closures.push(await deployVersion(host, version));
  const tried = await deployVersion(host, "5.0", "test");
  const [booted = "", second = "", third = "", good = ""] = closures;
  await makeLinks(host.config.systemRoot, { "run/booted-system": booted });
  await leaveOnlyProfiles(host);
  const old = (Date.now() - 40 * DAY) / 1000;
  for (const number of [1, 2, 4]) {
    await lutimes(join(host.config.systemRoot, `nix/var/nix/profiles/system-${number}-link`), old, old);
  }

  const { runId, outcome } = await host.doRun("collect-garbage", { keepDays: 30 });

  expect(outcome).toEqual({
    state: "succeeded",
    reason: expect.stringMatching(/^1 generation removed, \d+ store paths deleted, [\d.]+ \w+ freed\.$/),
  });
  const events = await host.events(runId);
  expect(eventsOf(events, "phase").map(({ phase }) => phase)).toEqual(["collect"]);
  const facts = eventsOf(events, "finished")[0]?.proof?.facts;
  expect(facts?.generations?.map(({ number }) => number)).toEqual([1, 3, 4]);
  expect([booted, second, third, good, tried].map((closure) => existsSync(closure))).toEqual([true, false, true, true, true]);
});

test("with 0 days all goes but what is kept; a second run finds nothing more to do", async () => {
  await using host = await createTestHost();
  const first = await deployVersion(host, "1.0");
  const second = await deployVersion(host, "2.0");
  await makeLinks(host.config.systemRoot, { "run/booted-system": second });
  await leaveOnlyProfiles(host);
  expect((await host.doRun("collect-garbage", { keepDays: 0 })).outcome).toMatchObject({
    state: "succeeded",
    reason: expect.stringContaining("1 generation removed"),
  });
  expect([existsSync(first), existsSync(second)]).toEqual([false, true]);
  expect((await host.doRun("collect-garbage", { keepDays: 0 })).outcome).toMatchObject({
    reason: expect.stringContaining("0 generations removed, 0 store paths deleted"),
  });
});

test("with 0 days what the runs of the last day have built goes as well, but what is kept; with 1 day it stays", async () => {
  await using host = await createTestHost();
  const first = await deployVersion(host, "1.0");
  const commit = await host.flake.commitFlake("2.0", { hosts: { gate: { version: "2.0", packages: 1 } } });
  const previewed = await host.ask("preview", {}, { commit });
  await host.run();
  const built = await readlink(join(runnerLayout(host.config.runnerDir).run(previewed).dir, "result"));
  const second = await deployVersion(host, "3.0");
  const tried = await deployVersion(host, "4.0", "test");
  await makeLinks(host.config.systemRoot, { "run/booted-system": second });
  await rootWhatRuns(host);
  const there = () => [first, built, second, tried].map((closure) => existsSync(closure));
  await host.doRun("collect-garbage", { keepDays: 1 });
  expect(there()).toEqual([true, true, true, true]);
  await host.doRun("collect-garbage", { keepDays: 0 });
  expect(there()).toEqual([false, false, true, true]);
});

test("which generations are old: by age and number alone, whatever was collected already; a limit keeps the young ones", () => {
  const generation = (number: number, at: number, closure?: string) => ({
    number,
    at,
    current: number === 11,
    ...(closure === undefined ? {} : { closure }),
  });
  const all = [generation(2, 1, "a"), generation(9, 2, "b"), generation(10, 3), generation(11, 3, "c"), generation(12, 9, "d")];
  expect(oldGenerations(all, new Set(["b"]), 5)).toEqual([2, 10]);
  expect(oldGenerations(all, new Set(), 3)).toEqual([2, 9]);
  expect(oldGenerations(all, new Set(), 100)).toEqual([2, 9, 10, 12]);
});

test("what Nix says when it fails comes first, and the host takes the next run", async () => {
  await using host = await createTestHost({ host: {} });
  const bin = join(host.root, "bin");
  await mkdir(bin);
  const failing = "#!/bin/sh\necho 'finding garbage collector roots...' >&2\necho 'error: cannot open lock' >&2\nexit 1\n";
  await writeFile(join(bin, "nix-store"), failing, { mode: 0o755 });
  const runId = await host.ask("collect-garbage");
  await host.run({ env: { ...host.env, PATH: `${bin}:${host.env["PATH"]}` } });
  expect(await host.outcome(runId)).toMatchObject({
    state: "failed",
    code: "collect-failed",
    firstError: "cannot open lock",
    exitCode: 1,
  });
  expect((await host.doRun("refresh")).outcome).toEqual({ state: "succeeded" });
});
