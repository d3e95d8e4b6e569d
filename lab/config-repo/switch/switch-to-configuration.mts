/**
 * Stands in for NixOS's program of that name: the same modes, decisions, words and exit codes, as far as hosts of the lab can
 * tell. Facts are from nixpkgs' switch-to-configuration (switch-to-configuration-ng, src/main.rs) as of NixOS 25.11.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installBootLoader } from "./boot-entries.mts";
import { type ActiveUnit, type Plan, planSwitch } from "./plan.mts";
import { parseUnit, type UnitFile } from "./unit-file.mts";

const CURRENT = "/etc/systemd/system";
/** What an interrupted switch still had to do: the next one does it. */
const LISTS = { start: "/run/nixos/start-list", restart: "/run/nixos/restart-list", reload: "/run/nixos/reload-list" } as const;
/** How long what was started may take to fail before this program looks. */
const SETTLING_MS = 250;

const [toplevel = "", action = ""] = process.argv.slice(2);
process.on("SIGHUP", () => {});
process.on("SIGPIPE", () => {});

const say = (sentence: string) => process.stderr.write(`${sentence}\n`);

function program(name: string, ...args: string[]): number {
  const { status } = spawnSync(name, args, { stdio: "inherit" });
  return status ?? 1;
}

const systemctl = (...args: string[]) => program("systemctl", ...args);

function listUnits(): { name: string; active: string; sub: string }[] {
  const { stdout } = spawnSync("systemctl", ["list-units", "--full", "--output=json"], { encoding: "utf8" });
  const units = JSON.parse(stdout) as { unit: string; active: string; sub: string }[];
  return units.map(({ unit, active, sub }) => ({ name: unit, active, sub }));
}

/** A unit of a configuration, or of the template that it is an instance of; nothing if it is not there, or masked. */
function readUnit(directory: string, name: string): UnitFile | undefined {
  for (const file of [name, name.replace(/^(.*)@[^.]*\.(.*)$/, "$1@.$2")]) {
    const path = join(directory, file);
    if (!existsSync(path) || realpathSync(path) === "/dev/null") continue;
    const dropIns = existsSync(`${path}.d`) ? readdirSync(`${path}.d`).map((one) => join(`${path}.d`, one)) : [];
    return parseUnit(...[path, ...dropIns].map((one) => readFileSync(one, "utf8")));
  }
  return undefined;
}

function remembered(list: string): string[] {
  return existsSync(list) ? readFileSync(list, "utf8").split("\n").filter(Boolean) : [];
}

function plan(units: readonly { name: string; active: string }[]): Plan {
  const directory = join(toplevel, CURRENT);
  const active: ActiveUnit[] = units.map(({ name, active: state }) => ({
    name,
    active: state,
    current: readUnit(CURRENT, name),
    next: readUnit(directory, name),
  }));
  const decided = planSwitch(active, (name) => readUnit(directory, name) !== undefined);
  const withRest = (list: keyof typeof LISTS) => [...new Set([...decided[list], ...remembered(LISTS[list])])];
  return { ...decided, start: withRest("start"), restart: withRest("restart"), reload: withRest("reload") };
}

function tell(words: string, names: readonly string[]): void {
  if (names.length > 0) say(`${words}: ${names.join(", ")}`);
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
  const before = listUnits();
  const { stop, skip, reload, restart, start, quiet } = plan(before);
  for (const list of ["start", "restart", "reload"] as const) {
    writeFileSync(LISTS[list], { start, restart, reload }[list].map((name) => `${name}\n`).join(""));
  }
  let exitCode = 0;

  tell("stopping the following units", stop);
  if (stop.length > 0) systemctl("stop", "--", ...stop);
  tell("NOT restarting the following changed units", skip);

  say("activating the configuration...");
  if (program(join(toplevel, "activate"), toplevel) !== 0) {
    say("Failed to run activate script");
    exitCode = 2;
  }
  systemctl("reset-failed");
  systemctl("daemon-reload");
  program("systemd-tmpfiles", "--create", "--remove", "--exclude-prefix=/dev");

  for (const [verb, doing, names] of [
    ["reload", "reloading", reload],
    ["restart", "restarting", restart],
  ] as const) {
    tell(`${doing} the following units`, names);
    if (names.length > 0 && systemctl(verb, "--", ...names) !== 0) exitCode = 4;
    rmSync(LISTS[verb], { force: true });
  }
  tell(
    "starting the following units",
    start.filter((name) => !quiet.has(name)),
  );
  if (start.length > 0 && systemctl("start", "--", ...start) !== 0) exitCode = 4;
  rmSync(LISTS.start, { force: true });

  await sleep(SETTLING_MS);
  return report(before, exitCode);
}

function report(before: readonly { name: string }[], exitCode: number): number {
  const known = new Set(before.map(({ name }) => name));
  const after = listUnits();
  const failed = after.filter(({ name, active, sub }) => active === "failed" || (sub === "auto-restart" && hasFailed(name)));
  const fresh = after.filter((unit) => !failed.includes(unit) && !known.has(unit.name) && !unit.name.endsWith(".scope"));
  const names = (units: readonly { name: string }[]) => units.map(({ name }) => name).sort();
  tell("the following new units were started", names(fresh));
  if (failed.length === 0) return exitCode;
  tell("warning: the following units failed", names(failed));
  systemctl("status", "--no-pager", "--full", ...names(failed));
  return 4;
}

function hasFailed(unit: string): boolean {
  const { stdout } = spawnSync("systemctl", ["show", "--property=ExecMainStatus", "--value", unit], { encoding: "utf8" });
  return stdout.trim() !== "0";
}

async function main(): Promise<number> {
  switch (action) {
    case "switch":
    case "test":
    case "boot":
      if (action !== "test") installBootLoader(toplevel);
      return action === "boot" ? 0 : activate();
    case "dry-activate":
      return dryActivate(plan(listUnits()));
    case "check":
      return 0;
    default:
      say("Usage: switch-to-configuration [check|switch|boot|test|dry-activate]");
      return 1;
  }
}

process.exitCode = await main();
