/**
 * Plays NixOS's program of that name: the same order, modes, decisions, words and exit codes, as far as hosts of the lab can tell.
 *
 * Held against nixpkgs 0145c6da2896 (between 26.05 and 26.11), pkgs/by-name/sw/switch-to-configuration-ng/src/main.rs. The Perl program
 * before it (b12dfdbcd07b, nixos/modules/system/activation/switch-to-configuration.pl) was the default until 24.05 and could be had until
 * 25.05 (nixpkgs#339727, #414882). Its exit codes are the same but for two: a reload of systemd that fails is 3, and an error of this
 * program's here (1); and what users' units do never counts there. In this program it does since 26.05 (nixpkgs#507588).
 * To hold it again: read `do_system_switch` beside `main` and `activate` here, `do_user_switch` beside users.mts,
 * `collect_unit_changes` and `handle_modified_unit` beside plan.mts, `compare_units` beside unit-file.mts, and the check in
 * nixos/modules/system/activation/switchable-system.nix beside check-inhibitors.mts.
 *
 * Left out, since no host of the lab has it: fstab and swap, a systemd that re-executes itself, units that an activation script
 * asks to be restarted, sync(1), units of users' own activation.
 */
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installBootLoader } from "./boot-entries.mts";
import { type Plan, planSwitch } from "./plan.mts";
import { createSystemd, type ListedUnit, program, say, sortNames, tell, untilQuiet } from "./systemd.mts";
import { compareDirectories, readUnit } from "./unit-directory.mts";
import { switchUsers } from "./users.mts";

const CURRENT = "/etc/systemd/system";
const REACTIVATION = "sysinit-reactivation.target";
/** What an interrupted switch still had to do: the next one does it. */
const LISTS = { start: "/run/nixos/start-list", restart: "/run/nixos/restart-list", reload: "/run/nixos/reload-list" } as const;

/** The real program ends with these. 1 is also the end of an argument that it does not know, of a failed check and boot loader. */
const EXIT = { refused: 1, activation: 2, units: 4, init: 100 } as const;

const [toplevel = "", action = ""] = process.argv.slice(2);
process.on("SIGHUP", () => {});
process.on("SIGPIPE", () => {});

const systemd = createSystemd(["systemctl"]);
const inNext = (name: string) => readUnit(join(toplevel, CURRENT), name);

function remembered(list: string): string[] {
  return existsSync(list) ? readFileSync(list, "utf8").split("\n").filter(Boolean) : [];
}

function plan(listed: readonly ListedUnit[]): Plan {
  const units = compareDirectories(listed, CURRENT, join(toplevel, CURRENT));
  const decided = planSwitch(units, (name) => inNext(name) !== undefined);
  const withRest = (list: keyof typeof LISTS) => sortNames(new Set([...decided[list], ...remembered(LISTS[list])]));
  return { ...decided, start: withRest("start"), restart: withRest("restart"), reload: withRest("reload") };
}

function dryActivate({ stop, skip, reload, restart, start, quiet }: Plan): number {
  tell("would stop the following units", stop);
  tell("would NOT stop the following changed units", skip);
  say("would activate the configuration...");
  program(join(toplevel, "dry-activate"), toplevel);
  tell("would reload the following units", reload);
  tell("would restart the following units", restart);
  tell(
    "would start the following units",
    start.filter((name) => !quiet.has(name)),
  );
  return 0;
}

async function activate(): Promise<number> {
  const before = systemd.list();
  const oldToplevel = realpathSync("/run/current-system");
  const { stop, skip, reload, restart, start, quiet } = plan(before);
  const record = (list: keyof typeof LISTS, names: readonly string[]) =>
    writeFileSync(LISTS[list], names.map((name) => `${name}\n`).join(""));
  record("start", start);
  record("restart", restart);
  record("reload", reload);
  let exitCode = 0;
  const jobs = async (verb: "start" | "restart" | "reload", names: readonly string[]) => {
    if (!(await systemd.jobs(verb, names))) exitCode = EXIT.units;
  };

  tell("stopping the following units", stop);
  await systemd.jobs("stop", stop);
  tell("NOT restarting the following changed units", skip);

  say("activating the configuration...");
  if (program(join(toplevel, "activate"), toplevel) !== 0) {
    say("Failed to run activate script");
    exitCode = EXIT.activation;
  }
  systemd.run("reset-failed");
  systemd.run("daemon-reload");
  if (!(await switchUsers(oldToplevel, toplevel))) exitCode = EXIT.units;

  say(`restarting ${REACTIVATION}`);
  await jobs("restart", [REACTIVATION]);

  // What was to be reloaded and has been stopped by one that it requires is started.
  const isOn = (name: string) => ["active", "activating"].includes(systemd.show(name, "ActiveState"));
  const stopped = reload.filter((name) => !isOn(name));
  const reloading = reload.filter((name) => !stopped.includes(name));
  const starting = sortNames(new Set([...start, ...stopped.filter((name) => inNext(name) !== undefined)]));
  tell("reloading the following units", reloading);
  await jobs("reload", reloading);
  rmSync(LISTS.reload, { force: true });
  tell("restarting the following units", restart);
  await jobs("restart", restart);
  rmSync(LISTS.restart, { force: true });
  tell(
    "starting the following units",
    starting.filter((name) => !quiet.has(name)),
  );
  await jobs("start", starting);
  rmSync(LISTS.start, { force: true });

  await untilQuiet(systemd);
  return report(before, exitCode);
}

function report(before: readonly ListedUnit[], exitCode: number): number {
  const known = new Set(before.map(({ name }) => name));
  const after = systemd.list();
  const failed = after.filter(
    ({ name, active, sub }) =>
      active === "failed" ||
      (sub === "auto-restart" && name.endsWith(".service") && systemd.show(name, "ExecMainStatus") !== "0"),
  );
  const fresh = after.filter((unit) => !failed.includes(unit) && !known.has(unit.name) && !unit.name.endsWith(".scope"));
  const names = (units: readonly ListedUnit[]) => sortNames(units.map(({ name }) => name));
  tell("the following new units were started", names(fresh));
  if (failed.length === 0) return exitCode;
  tell("warning: the following units failed", names(failed));
  systemd.run("status", "--no-pager", "--full", ...names(failed));
  return EXIT.units;
}

/** Whether systemd could be told of the new configuration without a reboot. */
function hasSameInit(): boolean {
  const read = (closure: string) => readFileSync(join(closure, "init-interface-version"), "utf8");
  if (existsSync("/run/current-system") && read("/run/current-system") === read(toplevel)) return true;
  say(`Warning: the new NixOS configuration has an ‘init’ that is
incompatible with the current configuration.  The new configuration
won't take effect until you reboot the system.
`);
  return false;
}

/** The real installer is a Python program, whose errors are Python's. */
function hasInstalledBootLoader(): boolean {
  try {
    installBootLoader(toplevel);
    return true;
  } catch (error) {
    const { code, errno = 0, path } = error as NodeJS.ErrnoException;
    const words = code === "ENOSPC" ? "No space left on device" : code === "EEXIST" ? "File exists" : code;
    say(`${code === "EEXIST" ? "FileExistsError" : "OSError"}: [Errno ${-errno}] ${words}: '${path}'`);
    say("Failed to install bootloader");
    return false;
  }
}

async function main(): Promise<number> {
  if (!["check", "switch", "boot", "test", "dry-activate"].includes(action)) {
    say("Usage: switch-to-configuration [check|switch|boot|test|dry-activate]");
    return EXIT.refused;
  }
  const isUnchecked = process.env["NIXOS_NO_CHECK"] === "1";
  if (!isUnchecked && program(join(toplevel, "pre-switch-checks"), toplevel, action) !== 0) {
    say("Pre-switch checks failed");
    return EXIT.refused;
  }
  if (action === "check") return 0;
  if ((action === "switch" || action === "boot") && !hasInstalledBootLoader()) return EXIT.refused;
  if (action === "boot") return 0;
  if (!hasSameInit()) return EXIT.init;
  return action === "dry-activate" ? dryActivate(plan(systemd.list())) : activate();
}

process.exitCode = await main();
