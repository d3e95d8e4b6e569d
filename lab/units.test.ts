import { afterAll, beforeAll, expect, test } from "vitest";
import type { Host } from "./host.ts";
import { type HostConfiguration, restartingUnit } from "./host-configuration.ts";
import { type Lab, startLab } from "./lab.ts";

/** How runs end by what a switch's own program says: units of users, and an init that cannot take the new units. */
let lab: Lab;
let host: Host;
let plain: HostConfiguration;

beforeAll(async () => {
  lab = await startLab();
  host = await lab.addHost("gate", { settings: { confirmTimeout: 30 } });
  plain = lab.config.configuration("gate");
  await host.run("useradd", "--create-home", "bob");
  await host.run("systemctl", "start", `user@${await host.run("id", "-u", "bob")}.service`);
});
afterAll(() => lab[Symbol.asyncDispose]());

let releases = 0;
/** Switches to the plain configuration with something about it. */
async function switchToOneWith(some: Partial<HostConfiguration>, args: Record<string, unknown> = {}) {
  const release = `25.11.${++releases}`;
  const commit = await lab.config.change("gate: something", "gate", () => ({ ...plain, release, ...some }));
  const { summary, outcome } = await lab.perform("gate", "switch", { commit, ...args });
  const end = outcome?.code == null ? summary.state : `${summary.state} ${outcome.code}`;
  return { end, outcome, log: await lab.logOf(summary.id), isRunning: (await running()).endsWith(release) };
}

const running = () => host.run("readlink", "-f", "/run/current-system");
const asBob = async (...argv: [string, ...string[]]) => (await host.exec(argv, { user: "bob" })).stdout.trim();
const showOfBob = (property: string) =>
  asBob("systemctl", "--user", "show", `--property=${property}`, "--value", "notes.service");

/** A unit that the configuration gives to all users, started with each session. */
const withNotes = (version: string, program: string): Partial<HostConfiguration> => {
  const text = `[Unit]\nDescription=Notes ${version}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/${program}\n`;
  const files = ["notes.service", "default.target.wants/notes.service"].map((name) => [`systemd/user/${name}`, text] as const);
  return { etc: { ...plain.etc, ...Object.fromEntries(files) } };
};

test("R63: a unit of a user that fails by a switch takes it back, is named, and is the old one again", async () => {
  const good = await switchToOneWith(withNotes("1", "true"));
  expect(good.end, good.log).toBe("succeeded");
  await asBob("systemctl", "--user", "start", "notes.service");
  expect(await showOfBob("ActiveState")).toBe("active");

  const bad = await switchToOneWith(withNotes("2", "false"));

  expect(bad.end, bad.log).toBe("rolled-back units-failed");
  expect(bad.log).toContain("warning: the following user units failed: notes.service");
  expect(bad.outcome?.reason).toContain("notes.service");
  expect(bad.isRunning).toBe(false);
  expect(await showOfBob("Description")).toBe("Notes 1");
  expect(await showOfBob("ActiveState")).toBe("active");
});

test("a unit of a user's own that fails within the window keeps no switch of the system back", async () => {
  const unit = "/home/bob/.config/systemd/user/own.service";
  await host.writeFile(unit, restartingUnit, 0o644);
  await host.run("chown", "-R", "bob:", "/home/bob/.config");
  await asBob("systemctl", "--user", "daemon-reload");
  const activation = `runuser -u bob -- env XDG_RUNTIME_DIR=/run/user/$(id -u bob) systemctl --user start own.service || true`;

  const ended = await switchToOneWith({ activation });

  expect(ended.end, ended.log).toBe("succeeded");
  expect(await asBob("systemctl", "--user", "show", "--property=SubState", "--value", "own.service")).toBe("auto-restart");
});

test("another interface to init is set for the next boot, and nothing is activated; a trial of it is refused", async () => {
  const before = await running();

  const tried = await switchToOneWith({ initInterface: "systemd 3" }, { mode: "test" });
  const set = await switchToOneWith({ initInterface: "systemd 3" });

  expect(tried.end, tried.log).toBe("refused arguments-invalid");
  expect(set.end, set.log).toBe("succeeded");
  expect(set.outcome?.reason).toMatch(/^Set for the next boot, since init of the running system .*: reboot to finish\.$/);
  expect(set.log).not.toContain("won't take effect until you reboot");
  expect(await running()).toBe(before);
  const { facts } = await lab.hostView("gate");
  expect(facts.profile?.closure).not.toBe(before);
  await host.reboot();
  await lab.untilOnline("gate");
  expect(await running()).toBe(await host.run("readlink", "-f", "/nix/var/nix/profiles/system"));
});
