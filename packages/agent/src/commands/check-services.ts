import { join } from "node:path";
import { lockOwner } from "@nixfleet/runtime";
import { AGENT_JOBS } from "../launchd/agent-jobs.ts";
import { isRunning, type Launchd } from "../launchd/launchd.ts";
import { AGENT_UNITS } from "../systemd/agent-units.ts";
import type { UnitState } from "../systemd/show.ts";
import type { Systemd } from "../systemd/systemd.ts";
import { type Finding, fails, holds, unknown } from "./finding.ts";
import type { HostReaders } from "./host-readers.ts";

const INSTALL = "Enable services.nixfleet-agent in the host's configuration and switch.";
const UNITS = Object.values(AGENT_UNITS);
/** Those that must be active all the time. */
const ALWAYS_ACTIVE: readonly string[] = [AGENT_UNITS.daemon, AGENT_UNITS.runnerPath];

/** Whether the agent is installed as services and those are active, where a service manager keeps them. */
export async function checkServices({
  stateDir,
  platform: { serviceManager },
}: Pick<HostReaders, "stateDir" | "platform">): Promise<Finding> {
  switch (serviceManager?.kind) {
    case undefined:
      return holds("services", "no service manager runs this agent");
    case "launchd":
      return checkJobs(serviceManager);
    case "systemd":
      return checkUnits(serviceManager, stateDir);
  }
}

async function checkUnits(systemd: Systemd, stateDir: string): Promise<Finding> {
  const states = await systemd.unitStates(UNITS);
  if ("error" in states) return unknown("services", `systemctl failed: ${states.error}`);
  const daemon = await lockOwner(join(stateDir, "daemon.lock"));
  return unitsFinding(states, { scope: systemd.scope, daemon: daemon?.pid });
}

/** Judges the states of the agent's units. `daemon`: the daemon that runs, if any. */
export function unitsFinding(
  states: ReadonlyMap<string, UnitState>,
  { scope, daemon }: { scope: Systemd["scope"]; daemon: number | undefined },
): Finding {
  const isThere = (unit: string) => states.get(unit)?.load === "loaded";
  if (!UNITS.some(isThere) && daemon !== undefined) {
    return holds("services", `not installed; the agent runs as process ${daemon}`);
  }
  const missing = UNITS.find((unit) => !isThere(unit));
  if (missing !== undefined) return fails("services", `${missing} is not installed`, INSTALL);
  const unit = ALWAYS_ACTIVE.find((name) => states.get(name)?.active !== "active");
  if (unit === undefined) return holds("services", "installed and running");
  const option = scope === "user" ? "--user " : "";
  const fix = `Run: systemctl ${option}start ${unit}. Why it does not run: journalctl ${option}-u ${unit}`;
  return fails("services", `${unit} is ${states.get(unit)?.active ?? "not running"}`, fix);
}

/** The same of launchd, which keeps what it has loaded. */
export async function checkJobs(launchd: Launchd): Promise<Finding> {
  for (const label of Object.values(AGENT_JOBS)) {
    const job = await launchd.print(label);
    switch (job.kind) {
      case "unknown":
      case "missing":
        return fails("services", `${label} is not loaded`, INSTALL);
      case "loaded":
        if (label !== AGENT_JOBS.daemon || isRunning(job.text)) continue;
        return fails(
          "services",
          `${label} does not run`,
          `Run: launchctl kickstart ${launchd.domain}/${label}. Why: its log, agent.log.`,
        );
    }
  }
  return holds("services", "loaded and running");
}
