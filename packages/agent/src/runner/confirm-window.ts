import { type ArmDeps, extendArmed } from "../deadman/arm.ts";
import { extendsWindow, MOST_WINDOWS, type PathEvidence } from "../deadman/decide.ts";
import { monotonicNow } from "../deadman/moment.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import type { RunContext } from "./context.ts";

/** The time in which an activation has to be confirmed. */
export interface ConfirmWindow {
  /** Milliseconds that are left of it. */
  left(): number;
  /**
   * Takes what the last answer says of the path to the dashboard. Near its end the window is extended by its own length, if the dashboard
   * is what is missing and the most has not been reached: before the end, so that the dead-man switch does not come first. True: it was.
   */
  saw(path: PathEvidence): Promise<boolean>;
  /** From now on it is the link of a new agent that is awaited. */
  agentOnTrial(): void;
}

/** Milliseconds before its end from which on a window may be extended. */
const NEAR = 15_000;

/** The window of an armed deployment, of which so many milliseconds are left. */
export function createConfirmWindow(
  context: Pick<RunContext, "deps" | "events" | "log">,
  armed: ArmedDeadman,
  milliseconds: number,
): ConfirmWindow {
  const { deps, events, log } = context;
  const near = Math.min(NEAR, armed.window / 4);
  let endsAt = monotonicNow() + milliseconds;
  let windows = armed.windows;
  let wasAway = false;
  let isAgentOnTrial = false;
  const left = () => Math.max(0, endsAt - monotonicNow());

  const extend = async () => {
    const more: Omit<ArmDeps, "program"> = { runnerDir: deps.config.runnerDir, exec: deps.exec, clock: deps.clock };
    const extended = await extendArmed(more, armed.runId, { milliseconds: left() + armed.window, windows: windows + 1 });
    if ("kind" in extended) {
      if (extended.kind === "fault") log(`The confirm window could not be extended: ${extended.reason}`);
      return false;
    }
    windows = extended.windows;
    endsAt += armed.window;
    wasAway = false;
    events.append({ kind: "armed", until: extended.until, back: extended.back });
    log(`The dashboard is away, and not this host: the confirm window is extended (${windows} of at most ${MOST_WINDOWS}).`);
    return true;
  };

  return {
    left,
    async saw(path) {
      if (path === "dashboard-away") wasAway = true;
      return left() <= near && extendsWindow({ last: path, wasAway, isAgentOnTrial, windows }) ? extend() : false;
    },
    agentOnTrial() {
      isAgentOnTrial = true;
    },
  };
}
