import { shorten } from "@nixfleet/protocol";
import type { UndoCause } from "../deadman/decide.ts";
import { readArmedOf } from "../deadman/record.ts";
import { wait } from "../spool/run-record.ts";
import type { ArmedDeadman } from "../spool/shapes.ts";
import type { RunContext } from "./context.ts";
import { requestConfirmation, requestHealth } from "./dashboard-requests.ts";
import { newlyFailed } from "./failed-units.ts";
import { failingHealthChecks } from "./health-checks.ts";

/** Between two rounds, in milliseconds. */
const PAUSE = 1000;

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
 * a word of the dashboard over a new connection. Tries until all of that holds at once or the window, in milliseconds, ends.
 */
export async function confirm(context: RunContext, armed: ArmedDeadman, milliseconds: number): Promise<Confirmation> {
  const { deps, signal, layout, request } = context;
  const window = new AbortController();
  const timer = deps.clock.setTimeout(() => window.abort(), milliseconds);
  const until = AbortSignal.any([signal, window.signal]);
  let missing: UndoCause | null = null;
  try {
    for (;;) {
      if ((await readArmedOf(layout, request.runId)) === undefined) return { kind: "undone", cause: missing };
      const finding = await checkAll(context, armed, until);
      if (signal.aborted) return { kind: "stopped" };
      if (finding === undefined) return { kind: "holds" };
      if (finding.final) return { kind: "refused", cause: finding.cause };
      // What a check that was cut off by the window's end says is no finding.
      if (!window.signal.aborted) {
        if (missing?.reason !== finding.cause.reason) context.log(`Not yet: ${finding.cause.reason}`);
        missing = finding.cause;
      }
      if (window.signal.aborted) return { kind: "refused", cause: missing ?? finding.cause };
      await Promise.race([wait(deps.clock, PAUSE), aborted(until)]);
    }
  } finally {
    timer.cancel();
  }
}

/** Undefined: all holds. `final`: there is no point in another try. */
async function checkAll(
  context: RunContext,
  armed: ArmedDeadman,
  signal: AbortSignal,
): Promise<{ cause: UndoCause; final: boolean } | undefined> {
  const { platform, config, env } = context.deps;
  const failed = newlyFailed(armed.failedUnits, await platform.failedUnits(), config.ignoreFailedUnits);
  if (failed.length > 0) {
    const reason = shorten(
      `${failed.length === 1 ? "A unit" : "Units"} failed after the activation: ${failed.join(", ")}.`,
      1000,
    );
    return { cause: { code: "units-failed", reason }, final: true };
  }
  const faults = await failingHealthChecks(config.healthChecks, { exec: context.execute, env, signal });
  if (faults.length > 0) {
    const reason = shorten(`A health check does not hold: ${context.redact(faults.join("; "))}.`, 1000);
    return { cause: { code: "health-check-failed", reason }, final: false };
  }
  const answer = await dashboardFault(context, armed, signal);
  if (answer === undefined) return undefined;
  const reason = shorten(`The dashboard did not confirm: ${context.redact(answer)}.`, 1000);
  return { cause: { code: "not-confirmed", reason }, final: false };
}

/** Why the dashboard has not said yes; undefined: it has, or is not asked. */
async function dashboardFault(context: RunContext, { asks }: ArmedDeadman, signal: AbortSignal): Promise<string | undefined> {
  const { config } = context.deps;
  const { runId, confirmSecret } = context.request;
  switch (asks) {
    case "nothing":
      return undefined;
    case "health":
      return requestHealth(config.url, signal);
    case "confirm":
      if (confirmSecret === undefined) return "the run has lost its secret";
      return requestConfirmation(config.url, { runId, secret: confirmSecret, signal });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
