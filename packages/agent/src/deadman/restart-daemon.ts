import type { Exec } from "@nixfleet/runtime";
import { AGENT_UNITS } from "../systemd/agent-units.ts";
import { type RecordedHost, recordedSystemd } from "./recorded-host.ts";

/**
 * Tells the service manager to restart the daemon as it is installed now, and does not wait for it: one that does not start must
 * keep nobody waiting. False: there is no systemd, or it refused.
 */
export async function restartDaemon(exec: Exec, host: RecordedHost, systemd = recordedSystemd(host, exec)): Promise<boolean> {
  return (await systemd?.restart(AGENT_UNITS.daemon)) ?? false;
}

/** The daemon's process as systemd knows it, 0 where none runs; undefined: there is no systemd, or it does not answer. */
export async function daemonProcess(
  exec: Exec,
  host: RecordedHost,
  systemd = recordedSystemd(host, exec),
): Promise<number | undefined> {
  return systemd?.mainPid(AGENT_UNITS.daemon);
}
