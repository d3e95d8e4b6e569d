import { type Exec, succeeded } from "@nixfleet/runtime";
import { managerOptions, type ServiceManager } from "../deadman/service-manager.ts";

/** Milliseconds that systemctl may take to tell something. */
const LIMIT = 10_000;

export interface UnitRun {
  manager: ServiceManager;
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
  const passed = variables.flatMap((name) => ["-E", name]);
  const options = ["--collect", "--no-ask-password", "--quiet", "--service-type=exec", `--unit=${unit}`, "--wait"];
  return ["systemd-run", ...managerOptions(manager), ...passed, ...options, "-p", "TimeoutStopSec=3", "--"];
}

/** Whether a unit is at work, or about to begin or to end. False where nobody can tell. */
export async function isAtWork(
  exec: Exec,
  env: Readonly<Record<string, string>>,
  unit: string,
  manager: ServiceManager = "system",
): Promise<boolean> {
  const result = await exec({
    argv: ["systemctl", ...managerOptions(manager), "show", "--property=ActiveState", "--value", unit],
    env: { LC_ALL: "C", ...env },
    signal: AbortSignal.timeout(LIMIT),
  }).result;
  return succeeded(result) && /^(active|activating|reloading|deactivating)$/m.test(result.stdout.trim());
}
