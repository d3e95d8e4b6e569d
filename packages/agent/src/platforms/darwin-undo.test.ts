import { mkdir, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ExecResult, succeeded } from "@nixfleet/runtime";
import { createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createDarwinPlatform } from "./darwin.ts";
import { createDarwinHost, type DarwinClosure } from "./darwin-host.fixture.ts";

const OLD: DarwinClosure = { jobs: { "org.nixos.kept": "1", "org.nixos.old": "1" }, nixConf: "cores = 1" };
const NEXT: DarwinClosure = {
  jobs: { "org.nixos.kept": "2", "org.nixos.added": "1" },
  patches: ["hosts.patch"],
  nixConf: "cores = 2",
};

/** A Mac that runs its old closure, and has a next one. */
async function createMac(next: DarwinClosure = {}, old: DarwinClosure = {}) {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const host = await createDarwinHost(dir.path);
  const before = await host.make("old", { ...OLD, ...old });
  const after = await host.make("next", { ...NEXT, ...next });
  const env = { PATH: `/run/current-system/sw/bin:${process.env["PATH"]}` };
  const platform = createDarwinPlatform({ hostname: "mini", flakeAttr: undefined, systemRoot: dir.path, env, exec: host.exec });
  const activate = (closure: string): Promise<ExecResult> => {
    const program = platform.activation(closure, "switch");
    return host.exec({ argv: program.argv, env: program.env, cwd: "/" }).result;
  };
  const undo = async (): Promise<ExecResult> => {
    const steps = platform.undo({ closure: before, profile: undefined }, { closure: after, mode: "switch" });
    const step = steps.find(({ kind }) => kind === "activation");
    if (step === undefined) throw new Error("an undo activates");
    return host.exec({ argv: step.argv, env: step.env, cwd: "/" }).result;
  };
  const differences = async () =>
    (await platform.differences({ running: before, profile: null, replaced: after })).map(({ sentence }) =>
      sentence.replaceAll(dir.path, ""),
    );
  expect(succeeded(await activate(before))).toBe(true);
  await host.calls();
  return { ...host, platform, before, after, activate, undo, differences, current: join(dir.path, "run/current-system") };
}

test("R63: nix-darwin: what a failed activation has brought is gone after the undo: its jobs, its patches, its nix.conf", async () => {
  const mac = await createMac({ postActivation: "exit 1" });
  expect(succeeded(await mac.activate(mac.after))).toBe(false);
  expect(await mac.loaded()).toEqual(["org.nixos.added", "org.nixos.kept"]);
  expect(await readlink(mac.current)).toBe(mac.before);
  await mac.calls();

  expect(succeeded(await mac.undo())).toBe(true);
  expect(await mac.loaded()).toEqual(["org.nixos.kept", "org.nixos.old"]);
  expect(await mac.installed()).toEqual(["org.nixos.kept.plist", "org.nixos.old.plist"]);
  expect(await mac.calls()).toEqual([
    `activate ${mac.before}`,
    "reverse hosts.patch",
    "launchctl unload /Library/LaunchDaemons/org.nixos.kept.plist",
    "launchctl load -w /Library/LaunchDaemons/org.nixos.kept.plist",
    "launchctl load -w /Library/LaunchDaemons/org.nixos.old.plist",
    "launchctl unload /Library/LaunchDaemons/org.nixos.added.plist",
    "launchctl kill HUP system/org.nixos.nix-daemon",
  ]);
  expect(await mac.differences()).toEqual([]);
  expect(await readlink(mac.current)).toBe(mac.before);
});

test.for([
  ["before it changed anything", { checks: "exit 2" }],
  ["after the files in /etc", { afterEtc: "exit 1" }],
  ["after all of its work", {}],
] as const)("R63: nix-darwin: an activation that ended %s is undone to the same state", async ([, next]) => {
  const mac = await createMac(next);
  await mac.activate(mac.after);
  expect(succeeded(await mac.undo())).toBe(true);
  expect(await mac.differences()).toEqual([]);
  expect(await mac.loaded()).toEqual(["org.nixos.kept", "org.nixos.old"]);
});

test("R63: nix-darwin: an undo that fails leaves the link on what was activated to its end last, and can be repeated", async () => {
  const flag = (root: string) => `[ ! -e ${root}/denied ]`;
  const place = await createTempDir();
  onTestFinished(() => place[Symbol.asyncDispose]());
  const mac = await createMac({ postActivation: "exit 1" }, { checks: flag(place.path) });
  await mac.activate(mac.after);
  await writeFile(join(place.path, "denied"), "");
  const failed = await mac.undo();
  expect(failed.end).toEqual({ kind: "exited", exitCode: 1 });
  expect(failed.stderr).toContain(`${mac.current}, which is linked last, names ${mac.before}`);
  expect(await readlink(mac.current)).toBe(mac.before);
  expect(await mac.differences()).toEqual([
    `/etc/static leads to ${mac.after.slice(mac.root.length)}/etc, and not to ${mac.before.slice(mac.root.length)}/etc.`,
    `/Library/LaunchDaemons/org.nixos.kept.plist is not that of ${mac.before.slice(mac.root.length)}.`,
    "/Library/LaunchDaemons/org.nixos.old.plist is missing.",
    `/Library/LaunchDaemons/org.nixos.added.plist of ${mac.after.slice(mac.root.length)} is still there.`,
  ]);
  await rm(mac.current);
  await mac.undo();
  expect(await mac.platform.runningClosure()).toBeUndefined();
  await rm(join(place.path, "denied"));
  expect(succeeded(await mac.undo())).toBe(true);
  expect(await mac.differences()).toEqual([]);
});

test("nix-darwin: a job that an undo has left is a failure, since its own job at boot can link the old closure meanwhile", async () => {
  const place = await createTempDir();
  onTestFinished(() => place[Symbol.asyncDispose]());
  const marker = join(place.path, "booted");
  const mac = await createMac({ postActivation: "exit 1" });
  // As activate-system does it, once and before the jobs are compared.
  const link = `[ -e ${marker} ] || { : > ${marker}; ln -sfn "$systemConfig" ${mac.root}/run/current-system; }`;
  await mac.make("old", { ...OLD, checks: link });
  await mac.activate(mac.after);
  const result = await mac.undo();
  expect(result.end).toEqual({ kind: "exited", exitCode: 1 });
  expect(result.stderr).toContain("the activation has left");
  expect(succeeded(await mac.undo())).toBe(true);
  expect(await mac.differences()).toEqual([]);
});

test("R63: nix-darwin: jobs are compared as launchd has them, not only as files", async () => {
  const mac = await createMac();
  await mac.activate(mac.after);
  await mac.undo();
  await rm(join(mac.root, "loaded/org.nixos.old"));
  await writeFile(join(mac.root, "loaded/org.nixos.added"), "");
  expect(await mac.differences()).toEqual([
    "The job org.nixos.old is not loaded.",
    `The job org.nixos.added of ${mac.after.slice(mac.root.length)} is still loaded.`,
  ]);
});

test("what an undo is started with are the programs of the closure that comes back, and none of the one that goes", async () => {
  const mac = await createMac();
  const steps = mac.platform.undo({ closure: mac.before, profile: undefined }, { closure: mac.after, mode: "switch" });
  const paths = steps.filter(({ kind }) => kind === "activation").map(({ env }) => env["PATH"]?.split(":"));
  expect(paths[0]?.[0]).toBe(`${mac.before}/sw/bin`);
  expect(paths[0]).not.toContain("/run/current-system/sw/bin");
});

test("R63: nix-darwin: the jobs of the primary user are compared in that user's own folder", async () => {
  const user = { checks: "primaryUser=ada" };
  const mac = await createMac({ agents: { "org.nixos.more": "1" } }, { ...user, agents: { "org.nixos.agent": "1" } });
  const folder = join(mac.root, "Users/ada/Library/LaunchAgents");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "org.nixos.more.plist"), "1");
  expect(await mac.differences()).toEqual([
    "/Users/ada/Library/LaunchAgents/org.nixos.agent.plist is missing.",
    `/Users/ada/Library/LaunchAgents/org.nixos.more.plist of ${mac.after.slice(mac.root.length)} is still there.`,
  ]);
});
