import { chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Exec, exec } from "@nixfleet/runtime";
import { createTempDir, type TempDir } from "@nixfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLaunchd } from "../launchd/launchd.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { parseUnitStates } from "../systemd/show.ts";
import { clockFinding } from "./check-dashboard.ts";
import { checkBootLoader, checkDirectories, checkDisks, checkSigning } from "./check-host.ts";
import { checkJobs, unitsFinding } from "./check-services.ts";

const env = { PATH: process.env["PATH"] ?? "" };
let dir: TempDir;
let host: { stateDir: string; runnerDir: string; platform: { scope: "user" } };
beforeEach(async () => {
  dir = await createTempDir();
  host = { stateDir: join(dir.path, "state"), runnerDir: join(dir.path, "runner"), platform: { scope: "user" } };
  await createDaemonFiles(host.stateDir).prepare();
  await mkdir(runnerLayout(host.runnerDir).runs, { recursive: true, mode: 0o750 });
});
afterEach(() => dir[Symbol.asyncDispose]());

// Wherever this machine has its temporary files.
const directories = () => checkDirectories(host, { systemRoot: "" }, async () => false);

test("R36 R37: a runner's directory in memory is reported: after a reboot nothing would undo an unconfirmed switch", async () => {
  const inMemory = await checkDirectories(host, { systemRoot: "" }, async (path) => path === host.runnerDir);
  expect(inMemory).toMatchObject({
    state: "failed",
    detail: expect.stringContaining(`${host.runnerDir} is in memory`),
    fix: expect.stringContaining("on a disk"),
  });
  const shared = await checkDirectories(host, { systemRoot: dir.path }, async () => true);
  expect(shared.state).toBe("ok");
});

test("R36: whoever else could write what root trusts is reported, with the command that repairs it", async () => {
  expect((await directories()).state).toBe("ok");
  const { deadmanProgram, runs } = runnerLayout(host.runnerDir);
  await writeFile(deadmanProgram, "#!/bin/sh\n");
  for (const [path, mode, change] of [
    [deadmanProgram, 0o775, "go-w"],
    [runs, 0o770, "go-w"],
    [host.runnerDir, 0o777, "go-w"],
    [host.stateDir, 0o777, "o-w"],
  ] as const) {
    await chmod(path, mode);
    expect(await directories()).toMatchObject({ state: "failed", fix: `Run: chmod ${change} ${path}` });
    await chmod(path, 0o750);
  }
  expect((await directories()).state).toBe("ok");
});

test("R36: a queue that leads elsewhere, and a runner's directory of another user, are reported", async () => {
  const { queue } = daemonLayout(host.stateDir);
  await rm(queue, { recursive: true });
  await symlink("/etc", queue);
  expect(await directories()).toMatchObject({ state: "failed", detail: expect.stringContaining(queue) });
  await rm(queue);
  expect((await directories()).state).toBe("ok");
});

test("R36: where signatures are required, the keys must be there and whoever verifies them as well", async () => {
  const settings = { signingRequired: true, allowedSignersFile: join(dir.path, "signers"), openpgpKeysFile: undefined };
  expect(await checkSigning({ ...settings, signingRequired: false }, env)).toMatchObject({ state: "ok", detail: "not required" });
  expect(await checkSigning({ ...settings, allowedSignersFile: undefined }, env)).toMatchObject({ state: "failed" });
  expect(await checkSigning(settings, env)).toMatchObject({ state: "failed", detail: expect.stringContaining("ENOENT") });
  await writeFile(settings.allowedSignersFile, "# ssh-ed25519 AAAA\n");
  expect(await checkSigning(settings, env)).toMatchObject({ state: "failed", detail: expect.stringContaining("no SSH key") });
  await writeFile(settings.allowedSignersFile, 'ada@fleet.example namespaces="git" ssh-ed25519 AAAAC3Nz\n');
  expect((await checkSigning(settings, env)).state).toBe("ok");
  expect(await checkSigning(settings, { PATH: dir.path })).toMatchObject({
    state: "failed",
    fix: expect.stringContaining("ssh-keygen"),
  });
  const keys = { ...settings, openpgpKeysFile: settings.allowedSignersFile };
  expect((await checkSigning(keys, env)).state).toBe("ok");
});

test("R36: a full disk is told by the directory that is on it", async () => {
  expect((await checkDisks(host)).state).toBe("ok");
  const full = await checkDisks({ ...host, stateDir: join(dir.path, "not/there/yet") }, Number.POSITIVE_INFINITY);
  expect(full).toMatchObject({
    state: "failed",
    detail: expect.stringContaining("/ has "),
    fix: expect.stringContaining("nix-collect-garbage"),
  });
});

test("R36: a clock that is half an hour off is reported; seconds, and the time of the answer itself, are not", () => {
  const at = Date.UTC(2026, 10, 26, 12);
  const header = (skew: number) => new Date(at + skew).toUTCString();
  const moment = { before: at, after: at + 2000 };
  for (const skew of [0, -20_000, 20_000]) expect(clockFinding(header(skew), moment).state).toBe("ok");
  for (const skew of [-3_600_000, 3_600_000]) {
    expect(clockFinding(header(skew), moment)).toMatchObject({
      state: "failed",
      detail: expect.stringMatching(/by (3599|3598|3600) s/),
    });
  }
  expect(clockFinding(undefined, moment).state).toBe("unknown");
  expect(clockFinding("soon", moment).state).toBe("unknown");
});

test("R36: what an installation of boot entries that was cut off has left is named, with what repairs it, if nobody is installing any", async () => {
  const left = { path: "/boot/loader/loader.tmp", sentence: "An installation left /boot/loader/loader.tmp." };
  const finding = (bootLeftovers: (() => Promise<(typeof left)[]>) | undefined, inProgress?: string) =>
    checkBootLoader({ platform: { bootLeftovers, activationInProgress: async () => inProgress } });
  expect(await finding(undefined)).toBeUndefined();
  expect(await finding(async () => [])).toMatchObject({ name: "boot-loader", state: "ok" });
  expect(await finding(async () => [left])).toEqual({
    name: "boot-loader",
    state: "failed",
    detail: left.sentence,
    fix: "Switch or roll back, or run: rm -r /boot/loader/loader.tmp; /nix/var/nix/profiles/system/bin/switch-to-configuration boot",
  });
  expect(await finding(async () => [left], "x.service is running")).toMatchObject({ state: "unknown" });
  expect(await finding(() => Promise.reject(new Error("EACCES: /boot")))).toMatchObject({
    state: "unknown",
    detail: "EACCES: /boot. Run this as root",
  });
});

/** What `systemctl show --property=Id,LoadState,ActiveState` prints of the four units. */
const shown = (states: Record<string, [load: string, active: string]>) =>
  parseUnitStates(
    Object.entries(states)
      .map(([id, [load, active]]) => `Id=${id}\nLoadState=${load}\nActiveState=${active}\n`)
      .join("\n"),
  );
const installed = {
  "nixfleet-agent.service": ["loaded", "active"],
  "nixfleet-runner.path": ["loaded", "active"],
  "nixfleet-runner.service": ["loaded", "inactive"],
  "nixfleet-deadman.service": ["loaded", "inactive"],
} satisfies Record<string, [string, string]>;

test("R36: each unit that is missing or idle is reported, with what starts it", () => {
  const finding = (change: Record<string, [string, string]>, daemon?: number) =>
    unitsFinding(shown({ ...installed, ...change }), { scope: "system", daemon });
  expect(finding({}).state).toBe("ok");
  expect(finding({ "nixfleet-agent.service": ["loaded", "failed"] })).toMatchObject({
    detail: "nixfleet-agent.service is failed",
    fix: expect.stringContaining("journalctl -u nixfleet-agent.service"),
  });
  expect(finding({ "nixfleet-runner.path": ["loaded", "inactive"] })).toMatchObject({
    fix: expect.stringContaining("systemctl start nixfleet-runner.path"),
  });
  expect(finding({ "nixfleet-deadman.service": ["not-found", "inactive"] })).toMatchObject({
    state: "failed",
    detail: "nixfleet-deadman.service is not installed",
  });
  const none = Object.fromEntries(Object.keys(installed).map((unit) => [unit, ["not-found", "inactive"] as [string, string]]));
  expect(finding(none).state).toBe("failed");
  expect(finding(none, 712)).toMatchObject({ state: "ok", detail: expect.stringContaining("712") });
  expect(unitsFinding(new Map(), { scope: "user", daemon: undefined }).state).toBe("failed");
});

test("R36: of launchd's jobs each must be loaded, and the agent run", async () => {
  // launchctl(1) prints a job as a tree; one that it has not loaded ends with 113.
  const launchctl = (jobs: Record<string, string>, domain: string) => {
    const printing: Exec = ({ argv }) => {
      const state = jobs[argv[2]?.split("/").at(-1) ?? ""];
      return exec({ argv: ["sh", "-c", state === undefined ? "exit 113" : `printf '{\\n\\tstate = ${state}\\n}\\n'`], env });
    };
    return createLaunchd({ exec: printing, domain });
  };
  const all = { "com.nixfleet.agent": "running", "com.nixfleet.runner": "not running", "com.nixfleet.deadman": "not running" };
  expect((await checkJobs(launchctl(all, "system"))).state).toBe("ok");
  const { "com.nixfleet.runner": _, ...without } = all;
  expect(await checkJobs(launchctl(without, "system"))).toMatchObject({ detail: "com.nixfleet.runner is not loaded" });
  const stopped = { ...all, "com.nixfleet.agent": "not running" };
  expect(await checkJobs(launchctl(stopped, "gui/501"))).toMatchObject({
    fix: expect.stringContaining("launchctl kickstart gui/501/com.nixfleet.agent"),
  });
});
