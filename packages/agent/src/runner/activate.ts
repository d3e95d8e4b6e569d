import type { FailureCode } from "@nixfleet/protocol";
import { describeEnd, type ExecEnd } from "@nixfleet/runtime";
import type { RunContext } from "./context.ts";
import { type DeploymentPlan, isActivated } from "./deployment.ts";
import { newlyFailed } from "./failed-units.ts";
import { type Begin, prepareTrack, runTracked } from "./tracked-program.ts";

/** How an activation ended, as far as it is known. */
export type ActivationResult =
  /** What the mode was to bring about is so. */
  | { kind: "active" }
  | { kind: "failed"; code: FailureCode; reason: string; firstError?: string; exitCode?: number }
  /** By a cancel or the deadline. */
  | { kind: "stopped" }
  /** It was undone before all of it could begin. */
  | { kind: "withdrawn" };

/** Units that had failed before an activation; null: it is not known; undefined: nothing is undone by it. */
export type FailedUnitsBefore = readonly string[] | null | undefined;

/** Activates the closure so that nothing a boot reads points to it yet. In mode `boot` there is nothing to activate. */
export async function activate(
  context: RunContext,
  plan: DeploymentPlan,
  { begin, failedBefore }: { begin: Begin; failedBefore: FailedUnitsBefore },
): Promise<ActivationResult> {
  const { closure, commit, mode, generation } = plan;
  const { platform } = context.deps;
  const activation = mode === "boot" ? undefined : platform.activation(closure, mode);
  const track = { output: context.run.activationOutput, status: context.run.activationStatus };
  await prepareTrack(track);
  const record = { closure, commit, mode, unit: activation?.unit ?? null, ...(generation !== undefined && { generation }) };
  if (!context.recordActivation(record)) {
    const reason = "The disk has no room to write down that an activation begins, so nothing was activated.";
    return { kind: "failed", code: "disk-full", reason };
  }
  if (activation === undefined) return { kind: "active" };
  const ended = await runTracked(context, activation, { track, begin });
  switch (ended.kind) {
    case "stopped":
    case "withdrawn":
      return ended;
    case "no-exit-code": {
      const reason = "The activation did not finish: it left no exit code.";
      return { kind: "failed", code: "activation-failed", reason, ...(ended.firstError && { firstError: ended.firstError }) };
    }
    case "ended":
      return activationResult(context, plan, { ...ended, failedBefore });
  }
}

/** What an activation has brought about, held against what it was to bring about. */
export async function activationResult(
  context: Pick<RunContext, "deps" | "redact">,
  plan: DeploymentPlan,
  ended: { end: ExecEnd; firstError: string | undefined; failedBefore: FailedUnitsBefore },
): Promise<ActivationResult> {
  const { platform, config } = context.deps;
  const { end } = ended;
  const exitCode = end.kind === "exited" ? end.exitCode : undefined;
  const isActive = await isActivated(context, plan);
  if (exitCode === 0 && isActive) return { kind: "active" };
  const details = {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(ended.firstError === undefined ? {} : { firstError: context.redact(ended.firstError) }),
  };
  if (exitCode === 0) {
    const goal = plan.mode === "boot" ? "the profile does not point to" : "the host does not run";
    const reason = `The activation reported success, but ${goal} ${plan.closure}.`;
    return { kind: "failed", code: "activation-failed", reason, exitCode: 0 };
  }
  const { failedBefore } = ended;
  const didAll = exitCode !== undefined && exitCode === platform.unitsFailedExitCode && isActive;
  if (failedBefore !== undefined && didAll) {
    const now = await platform.failedUnits();
    const failed = newlyFailed(failedBefore, now, config.ignoreFailedUnits);
    // All was done, and whatever failed had failed before or may fail.
    if (now !== undefined && failedBefore !== null && failed.length === 0) return { kind: "active" };
    const which = failed.length === 0 ? "" : `: ${failed.join(", ")}`;
    return { kind: "failed", code: "units-failed", reason: `The activation reported that units failed${which}.`, ...details };
  }
  return { kind: "failed", code: "activation-failed", reason: `The activation ended with ${describeEnd(end)}.`, ...details };
}
