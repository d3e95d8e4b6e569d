import { join } from "node:path";
import { type Exec, exec, lockOwner, succeeded } from "@nixfleet/runtime";
import { managerEnv, managerOptions, serviceManagerOf } from "../deadman/service-manager.ts";
import type { RunnerSettings } from "../settings.ts";
import { type Finding, fails, holds, unknown } from "./finding.ts";
import type { HostReaders } from "./host-readers.ts";
import type { Environment } from "./read-settings.ts";

const LIMIT = 10_000;
const INSTALL = "Enable services.nixfleet-agent in the host's configuration and switch.";

/** What the modules install, and whether it must be at work all the time. */
const UNITS = [
  { unit: "nixfleet-agent.service", active: true },
  { unit: "nixfleet-runner.path", active: true },
  { unit: "nixfleet-runner.service", active: false },
  { unit: "nixfleet-deadman.service", active: false },
] as const;
const JOBS = ["com.nixfleet.agent", "com.nixfleet.runner", "com.nixfleet.deadman"] as const;

/** Whether the agent is installed as services and those are at work, where a service manager keeps them. */
export async function checkServices(
  { stateDir, platformName }: Pick<HostReaders, "stateDir" | "platformName">,
  { systemRoot }: Pick<RunnerSettings, "systemRoot">,
  env: Environment,
): Promise<Finding> {
  const name = "services";
  if (process.platform === "darwin" && systemRoot === "") {
    return checkJobs(exec, platformName === "darwin" ? "system" : `gui/${process.getuid?.()}`);
  }
  const host = { platform: platformName, systemRoot, env };
  const manager = serviceManagerOf(host);
  if (manager === undefined) return holds(name, "no service manager keeps this agent");
  const properties = "--property=Id,LoadState,ActiveState";
  const argv: [string, ...string[]] = [
    "systemctl",
    ...managerOptions(manager),
    "show",
    properties,
    ...UNITS.map(({ unit }) => unit),
  ];
  const result = await exec({ argv, env: { LC_ALL: "C", ...managerEnv(host) }, signal: AbortSignal.timeout(LIMIT) }).result;
  if (!succeeded(result)) return unknown(name, `systemctl does not tell: ${result.stderr.trim().split("\n")[0] ?? ""}`);
  const daemon = await lockOwner(join(stateDir, "daemon.lock"));
  return judgeUnits(result.stdout, { scope: manager === "user" ? "--user " : "", daemon: daemon?.pid });
}

/** Judges what `systemctl show` prints of the units: blocks of `Name=value` lines. `daemon`: the daemon that runs, if any. */
export function judgeUnits(shown: string, { scope, daemon }: { scope: string; daemon: number | undefined }): Finding {
  const states = new Map(
    shown.split(/\n\s*\n/).map((block) => {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.trim().split("=", 2)));
      return [fields["Id"], { load: fields["LoadState"], active: fields["ActiveState"] }] as const;
    }),
  );
  const isThere = (unit: string) => states.get(unit)?.load === "loaded";
  if (!UNITS.some(({ unit }) => isThere(unit)) && daemon !== undefined) {
    return holds("services", `none is installed; the agent runs as process ${daemon}`);
  }
  const missing = UNITS.find(({ unit }) => !isThere(unit));
  if (missing !== undefined) return fails("services", `${missing.unit} is not installed`, INSTALL);
  const idle = UNITS.find(({ unit, active }) => active && states.get(unit)?.active !== "active");
  if (idle === undefined) return holds("services", "installed and at work");
  const { unit } = idle;
  const fix = `Run: systemctl ${scope}start ${unit}. Why it does not run: journalctl ${scope}-u ${unit}`;
  return fails("services", `${unit} is ${states.get(unit)?.active ?? "not at work"}`, fix);
}

/** The same of launchd, which keeps what it has loaded (launchctl(1), `print`). */
export async function checkJobs(run: Exec, domain: string): Promise<Finding> {
  for (const job of JOBS) {
    const argv: [string, ...string[]] = ["/bin/launchctl", "print", `${domain}/${job}`];
    const result = await run({ argv, env: { LC_ALL: "C" }, signal: AbortSignal.timeout(LIMIT) }).result;
    if (!succeeded(result)) return fails("services", `${job} is not loaded`, INSTALL);
    if (job === "com.nixfleet.agent" && !/^\s*state = running$/m.test(result.stdout)) {
      return fails("services", `${job} does not run`, `Run: launchctl kickstart ${domain}/${job}. Why: its log, agent.log.`);
    }
  }
  return holds("services", "loaded and at work");
}
