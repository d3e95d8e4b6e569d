import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal, type RunView } from "@nixfleet/protocol";
import { failingUnit } from "../host-configuration.ts";
import { FAULTS, type Fault, type FaultName, untilOutcome } from "./faults.ts";
import { CONFIRM_TIMEOUT, type Lane } from "./lane.ts";
import { hold, holdable, type PhaseName } from "./phases.ts";
import type { Pair } from "./table.ts";

/** No host may be out of reach for longer, and no run without its end: milliseconds after the fault. */
export const LIMIT = (CONFIRM_TIMEOUT + 60) * 1000;

/** What came of a cell. Seconds count from the fault. */
export interface Finding {
  readonly run: RunView;
  /** What ran before, and what the cell was to switch to, by the end of its name. */
  readonly before: string;
  readonly label: string;
  readonly secondsUnreachable: number;
  readonly secondsToEnd: number;
}

/** Switches, brings the fault about in the middle of a phase, and waits until the run has ended and the host is in reach. */
export async function runCell(lane: Lane, name: FaultName, phase: PhaseName, { repair, fails }: Pair): Promise<Finding> {
  const { lab, host } = lane;
  const fault: Fault = FAULTS[name];
  const label = `25.11.${name}-${phase}`;
  await fault.prepare?.(lane);
  const before = await host.run("readlink", "-f", "/run/current-system");
  const commit = await lane.publish(label, async (plain) => {
    const held = holdable(phase, plain);
    const now = fails ? { ...held, units: { ...held.units, "database.service": failingUnit } } : held;
    return (await fault.configure?.(lane, now)) ?? now;
  });

  // What is wrong with a configuration strikes by itself.
  const held = fault.strike === undefined ? undefined : await hold(lane, phase);
  const run = await lab.start(host.name, "switch", { commit }, fault.force);
  if (held === undefined) await lab.untilRun(run, ({ armed }) => armed !== null);
  else await held.reached();

  const struckAt = Date.now();
  const reach = watchReach(lane);
  await fault.strike?.(lane, phase);
  await held?.letGo();
  if (fault.repair !== undefined) {
    if (repair === "afterwards") await untilOutcome(lane, run, LIMIT);
    else await sleep((repair ?? 0) * 1000);
    await fault.repair(lane, phase);
  }
  const view = await lab.untilRun(run, ({ summary }) => isTerminal(summary.state), LIMIT);
  const secondsToEnd = (Date.now() - struckAt) / 1000;
  await lab.untilOnline(host.name);
  return { run: view, before, label, secondsUnreachable: (await reach.end()) - struckAt / 1000, secondsToEnd };
}

/** Checks whether the dashboard shows the host online in its present boot. `end` gives the last second in which it did not. */
function watchReach({ lab, host }: Lane) {
  const ending = new AbortController();
  let last = Date.now() / 1000;
  const watching = (async () => {
    while (!ending.signal.aborted) {
      const view = await lab.hostView(host.name).catch(() => undefined); // The dashboard itself may be gone.
      if (view?.row.reachability.state !== "online") last = Date.now() / 1000;
      await sleep(200);
    }
  })();
  return {
    async end() {
      ending.abort();
      await watching;
      return last;
    },
  };
}
