import { afterAll, beforeAll, expect, test } from "vitest";
import type { Host } from "./host.ts";
import { failingUnit, type HostConfiguration, restartingUnit } from "./host-configuration.ts";
import { type Lab, startLab } from "./lab.ts";
import { type SwitchMode, switchTo } from "./switch-by-hand.ts";

/** How NixOS's own program ends, which the lab's plays: config-repo/switch says which version that was held against. */
let lab: Lab;
let host: Host;
let plain: HostConfiguration;

beforeAll(async () => {
  lab = await startLab();
  host = await lab.addHost("gate", { wait: false });
  plain = lab.config.configuration("gate");
});
afterAll(() => lab[Symbol.asyncDispose]());

let releases = 0;
/** What becomes of a switch to a configuration with something about it. What runs afterwards is told with it. */
async function switchToOneWith(some: Partial<HostConfiguration>, mode: SwitchMode, env: Readonly<Record<string, string>> = {}) {
  await lab.config.change("gate: something", "gate", () => ({ ...plain, release: `25.11.${++releases}`, ...some }));
  const before = await running();
  const { exitCode, stdout, stderr } = await switchTo(lab, host, mode, env);
  return { exitCode, words: `${stdout}${stderr}`, isActive: (await running()) !== before };
}

const running = () => host.run("readlink", "-f", "/run/current-system");

test("a pre-switch check that fails ends with 1 before anything is done, and is skipped with NIXOS_NO_CHECK=1", async () => {
  const some = { preSwitchChecks: { neverGood: "false" } };

  const refused = await switchToOneWith(some, "test");
  const unchecked = await switchToOneWith(some, "test", { NIXOS_NO_CHECK: "1" });

  expect(refused).toMatchObject({ exitCode: 1, isActive: false });
  expect(refused.words).toContain("Pre-switch check 'neverGood' failed\n");
  expect(refused.words).toContain("Pre-switch checks failed\n");
  expect(unchecked).toMatchObject({ exitCode: 0, isActive: true });
});

test("another value of an inhibitor refuses a test with 1, and no boot", async () => {
  await switchToOneWith({ inhibitors: { dbus: "dbus" } }, "test");

  const tested = await switchToOneWith({ inhibitors: { dbus: "broker" } }, "test");
  const booted = await switchToOneWith({ inhibitors: { dbus: "broker" } }, "boot");

  expect(tested).toMatchObject({ exitCode: 1, isActive: false });
  expect(tested.words).toContain("\ndbus : dbus -> broker\n");
  expect(booted).toMatchObject({ exitCode: 0, isActive: false });
});

test("another init interface ends with 100, and nothing is activated", async () => {
  const { words, ...end } = await switchToOneWith({ initInterface: "systemd 3" }, "test");

  expect(end).toEqual({ exitCode: 100, isActive: false });
  expect(words).toContain("won't take effect until you reboot the system.\n");
});

test("an activation script that fails ends with 2, and the configuration is active", async () => {
  const { words, ...end } = await switchToOneWith({ activation: "exit 7" }, "test");

  expect(end).toEqual({ exitCode: 2, isActive: true });
  expect(words).toContain("Activation script snippet 'host' failed (7)\n");
  expect(words).toContain("Failed to run activate script\n");
});

test("failed units end with 4, also where the activation script failed too: a job, and a service that systemd restarts", async () => {
  const job = await switchToOneWith({ units: { ...plain.units, "database.service": failingUnit }, activation: "exit 7" }, "test");
  const loop = await switchToOneWith({ units: { ...plain.units, "loop.service": restartingUnit } }, "test");

  expect(job).toMatchObject({ exitCode: 4, isActive: true });
  expect(job.words).toContain("Failed to run activate script\n");
  expect(job.words).toContain("warning: the following units failed: database.service\n");
  expect(loop).toMatchObject({ exitCode: 4, isActive: true });
  expect(loop.words).toContain("warning: the following units failed: loop.service\n");
  expect(await host.run("systemctl", "list-units", "--failed", "--plain", "--no-legend")).toBe("");
});

test("a unit of a user that fails ends with 4, and no unit of the system has failed", async () => {
  await host.run("useradd", "--create-home", "bob");
  await host.run("systemctl", "start", `user@${await host.run("id", "-u", "bob")}.service`);
  const unit = (version: string, program: string) =>
    `[Unit]\nDescription=Notes ${version}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/${program}\n`;
  const withNotes = (text: string) => ({ etc: { ...plain.etc, "systemd/user/notes.service": text } });
  await switchToOneWith(withNotes(unit("1", "true")), "test");
  const start = await host.exec(["systemctl", "--user", "start", "notes.service"], { user: "bob" });
  expect(start.exitCode, start.stderr).toBe(0);

  const { words, ...end } = await switchToOneWith(withNotes(unit("2", "false")), "test");

  expect(words).toContain("reloading user units for bob...\n");
  expect(words).toContain("warning: the following user units failed: notes.service\n");
  expect(words).toContain("warning: user activation for bob failed\n");
  expect(end).toEqual({ exitCode: 4, isActive: true });
  expect(await host.run("systemctl", "list-units", "--failed", "--plain", "--no-legend")).toBe("");
});

test("what an installation of boot entries that was cut off has left makes each later one fail with 1", async () => {
  await host.writeFile("/boot/loader/loader.tmp", "");

  const { words, ...end } = await switchToOneWith({}, "boot");

  expect(end).toEqual({ exitCode: 1, isActive: false });
  expect(words).toContain("Failed to install bootloader\n");
});
