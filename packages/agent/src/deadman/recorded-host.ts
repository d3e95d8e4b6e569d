import type { Exec } from "@nixfleet/runtime";
import { createPlatform } from "../platforms/choose.ts";
import type { Platform } from "../platforms/platform.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { createSystemd, type Systemd } from "../systemd/systemd.ts";

/** The host as the armed record has it: whoever undoes may not read the agent's settings. */
export type RecordedHost = ArmedDeadman["host"];

/** The platform of a recorded host. It reads what runs, and finds the service manager. */
export function recordedPlatform({ platform, hostname, systemRoot, env }: RecordedHost, exec: Exec): Platform {
  return createPlatform({ platform, hostname, flakeAttr: undefined, systemRoot, env, exec });
}

/**
 * The systemd that keeps the units of a recorded host: it has transient timers, stops an activation as a whole and restarts the
 * daemon. Undefined where another service manager or none runs: launchd has no transient jobs.
 */
export function recordedSystemd(host: RecordedHost, exec: Exec): Systemd | undefined {
  const { serviceManager } = recordedPlatform(host, exec);
  switch (serviceManager?.kind) {
    case "systemd":
      return serviceManager;
    case "launchd":
    case undefined:
      return undefined;
  }
}

/**
 * The systemd that has a unit which the record names. The name is evidence enough: a user's own systemd may be gone for a moment,
 * as at a boot, and what it started has to be stopped all the same.
 */
export function systemdOfUnit(host: RecordedHost, exec: Exec): Systemd {
  const { scope, serviceManager } = recordedPlatform(host, exec);
  return serviceManager?.kind === "systemd" ? serviceManager : createSystemd({ exec, scope, env: host.env });
}
