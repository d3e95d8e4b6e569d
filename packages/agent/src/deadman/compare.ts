import { shorten } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { newlyFailed } from "../platforms/failed-units.ts";
import type { Difference, MeantState, Platform } from "../platforms/platform.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { wait } from "../spool/run-record.ts";
import { AGENT_UNITS } from "../systemd/agent-units.ts";

/** How long units have until they count as not back: those that are being restarted get there in that time. Milliseconds. */
const SETTLING = 10_000;
const POLL_MS = 500;

/** What is looked at on a host. */
export type SeenHost = Pick<Platform, "differences" | "failedUnits" | "installedAgent" | "serviceManager">;

/** What of a host is held against what was meant. */
export interface Comparison {
  meant: MeantState;
  /** What differed before the activation already, by its mark. */
  excepted: readonly string[];
  failedUnits: readonly string[] | null;
  ignoredUnits: readonly string[];
}

/** By what a difference is known again in the armed record, which has room for so much of it. */
export function markOf({ what }: Difference): string {
  return what.slice(0, 300);
}

/**
 * Sentences for what is not as it was meant: running closure, profile, links, boot entry, units that have failed since, and the units of
 * the agent itself. Empty: all is. What cannot be seen is not compared.
 */
export async function findDifferences(
  host: SeenHost,
  { meant, excepted, ...units }: Comparison,
  clock: Clock,
): Promise<string[]> {
  const links = (await host.differences(meant)).filter((difference) => !excepted.includes(markOf(difference)));
  let failed = await unitFaults(host, meant.running, units);
  for (let waited = 0; failed.length > 0 && waited < SETTLING; waited += POLL_MS) {
    await wait(clock, POLL_MS);
    failed = await unitFaults(host, meant.running, units);
  }
  return [...links.map(({ sentence }: Difference) => sentence), ...failed];
}

/** What an undo in this boot is to have brought back. Which units had failed before says nothing of those of another boot. */
export function restored(armed: ArmedDeadman, bootId: string): Comparison {
  const { back, profile, activation, excepted, ignoredUnits, armedIn } = armed;
  const failedUnits = armedIn === bootId ? armed.failedUnits : null;
  // A trial touches no profile: whoever has set another one since was not this run.
  const set = activation.mode === "test" ? null : profile;
  const meant = { running: back, profile: set, replaced: activatedClosure(activation), after: "undo" as const };
  return { meant, excepted, failedUnits, ignoredUnits };
}

/** What a deployment is to have brought about, once it is permanent. */
export function deployed({
  back,
  activation,
  excepted,
  failedUnits,
  ignoredUnits,
}: Pick<ArmedDeadman, "activation" | "excepted" | "failedUnits" | "ignoredUnits"> & { back: string }): Comparison {
  const { closure, mode } = activation;
  const activated = activatedClosure(activation);
  const meant: MeantState = {
    running: mode === "boot" ? back : activated,
    profile: mode === "test" ? null : closure,
    replaced: mode === "boot" || back === activated ? null : back,
  };
  return { meant, excepted, failedUnits, ignoredUnits };
}

async function unitFaults(
  host: SeenHost,
  closure: string,
  { failedUnits, ignoredUnits }: Pick<Comparison, "failedUnits" | "ignoredUnits">,
): Promise<string[]> {
  const failed = newlyFailed(failedUnits, await host.failedUnits(), ignoredUnits);
  const missing = await missingAgentUnits(host, closure);
  return [
    ...(failed.length === 0 ? [] : [`Units have failed since: ${shorten(failed.join(", "), 500)}.`]),
    ...missing.map((unit) => `${unit} is not known to systemd, and ${closure} installs it.`),
  ];
}

/** Units of this agent that a closure installs and systemd does not know. */
async function missingAgentUnits({ installedAgent, serviceManager }: SeenHost, closure: string): Promise<string[]> {
  if (serviceManager?.kind !== "systemd" || (await installedAgent(closure)) === undefined) return [];
  const units = [AGENT_UNITS.daemon, AGENT_UNITS.runner, AGENT_UNITS.runnerPath];
  const states = await serviceManager.unitStates(units);
  if ("error" in states) return [];
  return units.filter((unit) => states.get(unit)?.load === "not-found");
}
