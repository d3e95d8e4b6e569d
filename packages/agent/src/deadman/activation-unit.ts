import { setTimeout as sleep } from "node:timers/promises";
import type { Exec } from "@nixfleet/runtime";
import { isAtWork } from "../platforms/systemd.ts";
import { managerEnv, managerOptions, type ServiceManagerHost, serviceManagerOf } from "./service-manager.ts";

/** How long a service manager may be silent that starts itself anew, which a switch can make it do. Milliseconds. */
const SILENCE = 30_000;
const POLL_MS = 200;
/** A stop that met that silence was not heard. */
const STOPS = 3;

/** Whether the unit that an activation runs in is at work. False where the service manager is silent for longer. */
export async function isUnitAtWork(
  exec: Exec,
  unit: string | null,
  host: ServiceManagerHost,
  manager = serviceManagerOf(host),
): Promise<boolean> {
  if (unit === null || manager === undefined) return false;
  for (let waited = 0; waited < SILENCE; waited += POLL_MS) {
    const answer = await isAtWork(exec, managerEnv(host), `${unit}.service`, manager);
    if (answer !== undefined) return answer;
    await sleep(POLL_MS);
  }
  return false;
}

/** Ends the unit that an activation runs in: SIGTERM to all of it, SIGKILL when its `TimeoutStopSec` is over. */
export async function stopUnit(
  exec: Exec,
  unit: string | null,
  host: ServiceManagerHost,
  manager = serviceManagerOf(host),
): Promise<void> {
  if (unit === null) return;
  const argv: [string, ...string[]] = ["systemctl", ...managerOptions(manager), "stop", unit];
  for (let stops = 0; stops < STOPS; stops++) {
    await exec({ argv, env: managerEnv(host), signal: AbortSignal.timeout(60_000) }).result;
    if (!(await isUnitAtWork(exec, unit, host, manager))) return;
  }
}
