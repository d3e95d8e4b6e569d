import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeEnd, type Exec, type ExecResult, succeeded } from "@nixfleet/runtime";
import { pickVariables } from "../environment.ts";
import {
  FAILED_STATES,
  failedOf,
  type Properties,
  parseListedUnits,
  parseProperties,
  parseResults,
  parseUnitStates,
  type UnitState,
} from "./show.ts";

/** Milliseconds that systemctl may take to read something, to start something, and to stop a unit. */
const READ_LIMIT = 10_000;
const START_LIMIT = 30_000;
const STOP_LIMIT = 60_000;
/** What decides whether a switch begins is asked more than once: systemd is silent while it loads its units again. */
const READ_TRIES = 5;
const READ_PAUSE = 200;

/** The system's service manager, or the user's own. */
export type SystemdScope = "system" | "user";

/** A program in a unit of its own. */
export interface TransientUnit {
  unit: string;
  /** Variables of the caller's environment that the unit gets. */
  variables: readonly string[];
}

/** A program that a transient timer starts, once. */
export interface TransientTimer {
  unit: string;
  description: string;
  seconds: number;
  /** The whole environment of the program, beside what systemd gives every unit. */
  env: Readonly<Record<string, string>>;
  argv: readonly [string, ...string[]];
}

/** One systemd: every call of systemctl and systemd-run goes through this. */
export interface Systemd {
  readonly kind: "systemd";
  readonly scope: SystemdScope;
  /** Whether a unit is active, starting, reloading or stopping. Undefined: systemd does not answer. */
  isUnitActive(unit: string): Promise<boolean | undefined>;
  /**
   * Names of units that have failed: those in state `failed`, and services that are being restarted because their last run did not end
   * well (`Result`). The one definition of it, for facts, activations and confirm windows. Undefined where systemd does not answer.
   */
  failedUnits(): Promise<string[] | undefined>;
  /** What systemd has loaded of these units and how active they are, by name; else its error message. */
  unitStates(units: readonly string[]): Promise<ReadonlyMap<string, UnitState> | { error: string }>;
  /**
   * Properties of these units, in their order, or of systemd itself where none is named (systemctl(1), `show`); points in time are
   * those that `parseTimestamp` reads. Undefined: systemd does not answer.
   */
  show(units: readonly string[], properties: readonly string[]): Promise<readonly Properties[] | undefined>;
  /** The main process of a service, 0 where none runs (`MainPID`); undefined: systemd does not answer. */
  mainPid(unit: string): Promise<number | undefined>;
  /** Stops a unit: SIGTERM to all of it, SIGKILL when its `TimeoutStopSec` is over. */
  stop(unit: string): Promise<void>;
  /** Asks for a restart and does not wait for it. False: systemd refused or did not answer. */
  restart(unit: string): Promise<boolean>;
  /** Whether a timer is active and waits for its time (`SubState=waiting`). False where systemd does not answer. */
  isTimerWaiting(unit: string): Promise<boolean>;
  /** Starts a transient timer. Returns why it could not be started; undefined: it runs. */
  startTimer(timer: TransientTimer): Promise<string | undefined>;
  /** The words put before a program so that it runs in a unit of its own, as nixos-rebuild runs an activation. */
  launcher(transient: TransientUnit): readonly [string, ...string[]];
}

export interface SystemdDeps {
  exec: Exec;
  scope: SystemdScope;
  /** Where `PATH` and the way to the user's own systemd are taken from; nothing else is passed on. */
  env: Readonly<Record<string, string | undefined>>;
}

export function createSystemd({ exec, scope, env }: SystemdDeps): Systemd {
  const options = scope === "user" ? ["--user"] : [];
  // HOME, XDG_RUNTIME_DIR and the bus are how systemctl finds a user's own systemd (systemctl(1)).
  const ownEnv = { LC_ALL: "C", ...pickVariables(env, ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"]) };
  const run = (program: "systemctl" | "systemd-run", words: readonly string[], limit: number): Promise<ExecResult> =>
    exec({ argv: [program, ...options, ...words], env: ownEnv, signal: AbortSignal.timeout(limit) }).result;
  const property = async (name: string, unit: string, limit = READ_LIMIT): Promise<string | undefined> => {
    const result = await run("systemctl", ["show", `--property=${name}`, "--value", unit], limit);
    return succeeded(result) ? result.stdout.trim() : undefined;
  };
  return {
    kind: "systemd",
    scope,
    async isUnitActive(unit) {
      const state = await property("ActiveState", unit);
      return state === undefined ? undefined : /^(active|activating|reloading|deactivating)$/m.test(state);
    },
    async failedUnits() {
      const states = `--state=${FAILED_STATES.join(",")}`;
      const result = await run("systemctl", ["list-units", states, "--output=json", "--no-pager"], READ_LIMIT);
      const listed = succeeded(result) ? parseListedUnits(result.stdout) : undefined;
      const restarting = listed?.filter(({ kind }) => kind === "restarting").map(({ unit }) => unit) ?? [];
      if (listed === undefined || restarting.length === 0) return listed && failedOf(listed, new Map());
      const shown = await run("systemctl", ["show", "--property=Id,Result", "--", ...restarting.slice(0, 200)], READ_LIMIT);
      return succeeded(shown) ? failedOf(listed, parseResults(shown.stdout)) : undefined;
    },
    async unitStates(units) {
      const result = await run("systemctl", ["show", "--property=Id,LoadState,ActiveState", ...units], READ_LIMIT);
      return succeeded(result) ? parseUnitStates(result.stdout) : { error: result.stderr.trim().split("\n")[0] ?? "" };
    },
    async show(units, properties) {
      const words = ["show", "--timestamp=us+utc", `--property=${properties.join(",")}`, "--", ...units];
      const result = await run("systemctl", words, READ_LIMIT);
      return succeeded(result) ? parseProperties(result.stdout) : undefined;
    },
    async mainPid(unit) {
      const pid = await property("MainPID", unit, START_LIMIT);
      return pid !== undefined && /^\d+$/.test(pid) ? Number(pid) : undefined;
    },
    async stop(unit) {
      await run("systemctl", ["stop", unit], STOP_LIMIT);
    },
    restart: async (unit) => succeeded(await run("systemctl", ["restart", "--no-block", unit], START_LIMIT)),
    async isTimerWaiting(unit) {
      for (let tries = 1; ; tries++) {
        const result = await run("systemctl", ["show", "--property=ActiveState,SubState", unit], READ_LIMIT);
        const said = new Set(result.stdout.split("\n").map((line) => line.trim()));
        if (succeeded(result)) return said.has("ActiveState=active") && said.has("SubState=waiting");
        if (tries === READ_TRIES) return false;
        await sleep(READ_PAUSE);
      }
    },
    async startTimer({ unit, description, seconds, env: variables, argv }) {
      const words = [
        ...["--quiet", "--no-ask-password", "--collect"],
        `--unit=${unit}`,
        `--description=${description}`,
        `--on-active=${seconds}s`,
        "--timer-property=AccuracySec=1s",
        ...Object.entries(variables).map(([name, value]) => `--setenv=${name}=${value}`),
        "--",
        ...argv,
      ];
      const result = await run("systemd-run", words, START_LIMIT);
      return succeeded(result) ? undefined : `systemd-run: ${result.stderr.trim() || describeEnd(result.end)}`;
    },
    // As nixos-rebuild does (nixos-rebuild.sh), but without `--pipe`: the output goes to a file, so that the program does not end
    // when its reader does. systemd refuses a second unit of the same name. A stop of the unit gets SIGKILL in time for a
    // cancelled run to end within 5 seconds.
    launcher({ unit, variables }) {
      const passed = variables.flatMap((name) => ["-E", name]);
      const flags = ["--collect", "--no-ask-password", "--quiet", "--service-type=exec", `--unit=${unit}`, "--wait"];
      return ["systemd-run", ...options, ...passed, ...flags, "-p", "TimeoutStopSec=3", "--"];
    },
  };
}

/** Whether systemd runs this machine (sd_booted(3)). */
export function isSystemdBooted(): boolean {
  return existsSync("/run/systemd/system");
}

/** Whether a user's own service manager is there: its private socket is in the user's runtime directory. */
export function hasUserManager(runtimeDir: string | undefined): boolean {
  return runtimeDir !== undefined && isSystemdBooted() && existsSync(join(runtimeDir, "systemd/private"));
}
