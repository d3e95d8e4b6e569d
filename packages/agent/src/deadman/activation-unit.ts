import { setTimeout as sleep } from "node:timers/promises";
import type { Exec } from "@nixfleet/runtime";
import { type RecordedHost, recordedSystemd, systemdOfUnit } from "./recorded-host.ts";

/** How long systemd may be silent while it re-executes itself, which a switch can make it do. Milliseconds. */
const SILENCE = 30_000;
const POLL_MS = 200;
/** A stop that met that silence was not heard. */
const STOPS = 3;

/** Whether the unit that an activation runs in is active. False where systemd is silent for longer. */
export async function isUnitActive(
  exec: Exec,
  unit: string | null,
  host: RecordedHost,
  systemd = recordedSystemd(host, exec),
): Promise<boolean> {
  if (unit === null || systemd === undefined) return false;
  for (let waited = 0; waited < SILENCE; waited += POLL_MS) {
    const answer = await systemd.isUnitActive(`${unit}.service`);
    if (answer !== undefined) return answer;
    await sleep(POLL_MS);
  }
  return false;
}

/** Ends the unit that an activation runs in, with all of its processes. */
export async function stopUnit(
  exec: Exec,
  unit: string | null,
  host: RecordedHost,
  systemd = recordedSystemd(host, exec),
): Promise<void> {
  if (unit === null) return;
  const owner = systemd ?? systemdOfUnit(host, exec);
  for (let stops = 0; stops < STOPS; stops++) {
    await owner.stop(unit);
    if (!(await isUnitActive(exec, unit, host, systemd))) return;
  }
}
