import { shorten } from "@nixfleet/protocol";
import type { PathEvidence, UndoCause } from "../deadman/decide.ts";
import { monotonicNow } from "../deadman/moment.ts";
import { readArmedOf } from "../deadman/record.ts";
import { newlyFailed } from "../platforms/failed-units.ts";
import type { Platform } from "../platforms/platform.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { wait } from "../spool/run-record.ts";
import type { ConfirmWindow } from "./confirm-window.ts";
import type { RunContext } from "./context.ts";
import type { DashboardAnswer } from "./dashboard-answer.ts";
import { requestConfirmation, requestHealth } from "./dashboard-requests.ts";
import { failingHealthChecks } from "./health-checks.ts";

/** Between two rounds, in milliseconds. */
const PAUSE = 1000;
/** How long all has to hold after a unit was seen being restarted: one that crashes again and again runs in between. Milliseconds. */
const SETTLING = 5000;

const NOTHING_FOUND: UndoCause = { code: "not-confirmed", reason: "The confirm window was over before anything was found." };

export type Confirmation =
  /** All holds at one time. It is still to be disarmed. */
  | { kind: "holds" }
  /** A unit failed, or the window has ended and something does not hold: this is to be undone. */
  | { kind: "refused"; cause: UndoCause }
  /** Somebody else has undone it. What had not held till then. */
  | { kind: "undone"; cause: UndoCause | null }
  /** The run was cancelled, or its deadline is over. */
  | { kind: "stopped" };

/**
 * Checks whether the host is well and in reach with what was activated: no unit that has failed by it, the host's own checks, and
 * a word of the dashboard over a new connection. Tries until all of that holds at once or the window ends, which is extended
 * while the dashboard is what is missing.
 */
export async function confirm(context: RunContext, armed: ArmedDeadman, window: ConfirmWindow): Promise<Confirmation> {
  const { signal, layout, request } = context;
  let missing: UndoCause | null = null;
  let settledAt = 0;
  for (;;) {
    if ((await readArmedOf(layout, request.runId)) === undefined) return { kind: "undone", cause: missing };
    using round = startRound(context, window);
    const finding = await checkAll(context, armed, round.signal);
    if (signal.aborted) return { kind: "stopped" };
    const now = (context.deps.monotonicNow ?? monotonicNow)();
    if (finding === undefined && now >= settledAt) return { kind: "holds" };
    if (finding?.final) return { kind: "refused", cause: finding.cause };
    // What a check that was cut off by the window's end says is no finding.
    if (!round.isOver()) {
      if (finding !== undefined) {
        if (missing?.reason !== finding.cause.reason) context.log(`Not yet: ${finding.cause.reason}`);
        missing = finding.cause;
        if (finding.cause.code === "units-failed") settledAt = now + SETTLING;
      }
      if (await window.saw(finding?.path ?? "none")) continue;
      await Promise.race([wait(context.deps.clock, PAUSE), aborted(round.signal)]);
      if (signal.aborted) return { kind: "stopped" };
    }
    if (round.isOver()) return { kind: "refused", cause: missing ?? finding?.cause ?? NOTHING_FOUND };
  }
}

interface Round {
  signal: AbortSignal;
  /** The window has ended. */
  isOver(): boolean;
}

/** One round, which ends with the window as it is now, or with the run. */
function startRound({ deps, signal }: RunContext, window: ConfirmWindow): Disposable & Round {
  const over = new AbortController();
  const timer = deps.clock.setTimeout(() => over.abort(), window.left());
  return {
    signal: AbortSignal.any([signal, over.signal]),
    isOver: () => over.signal.aborted,
    [Symbol.dispose]: () => timer.cancel(),
  };
}

interface Finding {
  cause: UndoCause;
  /** There is no point in another try. */
  final: boolean;
  /** What it says of the path to the dashboard. */
  path: PathEvidence;
}

/** Undefined: all holds. */
async function checkAll(context: RunContext, armed: ArmedDeadman, signal: AbortSignal): Promise<Finding | undefined> {
  const { platform, config, env } = context.deps;
  const failed = newlyFailed(armed.failedUnits, await platform.failedUnits(), config.ignoreFailedUnits);
  if (failed.length > 0) {
    const reason = shorten(
      `${failed.length === 1 ? "A unit" : "Units"} failed after the activation: ${failed.join(", ")}.`,
      1000,
    );
    return { cause: { code: "units-failed", reason }, final: await haveGivenUp(platform, failed), path: "none" };
  }
  const faults = await failingHealthChecks(config.healthChecks, { exec: context.execute, env, signal });
  if (faults.length > 0) {
    const reason = shorten(`A health check does not hold: ${context.redact(faults.join("; "))}.`, 1000);
    return { cause: { code: "health-check-failed", reason }, final: false, path: "none" };
  }
  const answer = await askDashboard(context, armed, signal);
  if (answer.kind === "yes") return undefined;
  const reason = shorten(`The dashboard did not confirm: ${context.redact(answer.reason)}.`, 1000);
  return { cause: { code: "not-confirmed", reason }, final: false, path: answer.path };
}

/** Whether one of these units stays failed. One that is being restarted may still come to itself, as any service that was killed does. */
async function haveGivenUp({ serviceManager }: Pick<Platform, "serviceManager">, units: readonly string[]): Promise<boolean> {
  if (serviceManager?.kind !== "systemd") return true;
  const states = await serviceManager.unitStates(units);
  return "error" in states || units.some((unit) => states.get(unit)?.active === "failed");
}

/** What the dashboard says; a run that does not depend on it is told yes. */
async function askDashboard(context: RunContext, { asks }: ArmedDeadman, signal: AbortSignal): Promise<DashboardAnswer> {
  const { config, env } = context.deps;
  const dashboard = { url: config.url, env };
  const { runId, confirmSecret } = context.request;
  switch (asks) {
    case "nothing":
      return { kind: "yes" };
    case "health":
      return requestHealth(dashboard, signal);
    case "confirm":
      if (confirmSecret === undefined) return { kind: "no", reason: "the run has lost its secret", path: "none" };
      return requestConfirmation(dashboard, { runId, secret: confirmSecret, signal });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
