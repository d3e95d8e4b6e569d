import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Exec, succeeded } from "@nixfleet/runtime";

/** Milliseconds that systemctl may take to tell something. */
const LIMIT = 10_000;

/** The system's service manager, or the user's own. */
export type Manager = "system" | "user";

export interface UnitRun {
  manager: Manager;
  unit: string;
  /** Variables of the caller's environment that the unit gets. */
  variables: readonly string[];
}

/**
 * What is put before a program so that it runs in a unit of its own, as nixos-rebuild runs an activation (nixos-rebuild.sh), but
 * without `--pipe`: the output goes to a file, so that the program does not end when its reader does. systemd refuses a second
 * unit of the same name. A stop of the unit gets SIGKILL in time for a cancelled run to end within 5 seconds.
 */
export function systemdRun({ manager, unit, variables }: UnitRun): [string, ...string[]] {
  const scope = manager === "user" ? ["--user"] : [];
  const passed = variables.flatMap((name) => ["-E", name]);
  const options = ["--collect", "--no-ask-password", "--quiet", "--service-type=exec", `--unit=${unit}`, "--wait"];
  return ["systemd-run", ...scope, ...passed, ...options, "-p", "TimeoutStopSec=3", "--"];
}

/** Whether a unit is at work, or about to begin or to end. Undefined: the service manager does not tell. */
export async function isAtWork(
  exec: Exec,
  env: Readonly<Record<string, string>>,
  unit: string,
  manager: Manager = "system",
): Promise<boolean | undefined> {
  const scope = manager === "user" ? ["--user"] : [];
  const result = await exec({
    argv: ["systemctl", ...scope, "show", "--property=ActiveState", "--value", unit],
    env: { LC_ALL: "C", ...env },
    signal: AbortSignal.timeout(LIMIT),
  }).result;
  if (!succeeded(result)) return undefined;
  return /^(active|activating|reloading|deactivating)$/m.test(result.stdout.trim());
}

/** Whether systemd runs this machine (sd_booted(3)). */
export function isSystemdBooted(): boolean {
  return existsSync("/run/systemd/system");
}

/** Whether a user's own service manager is there: its private socket stands in the user's runtime directory. */
export function hasUserManager(runtimeDir: string | undefined): boolean {
  return runtimeDir !== undefined && isSystemdBooted() && existsSync(join(runtimeDir, "systemd/private"));
}
