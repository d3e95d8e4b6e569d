import { type FailureCode, shorten } from "@nixfleet/protocol";
import { describeEnd, type ExecEnd } from "@nixfleet/runtime";
import { judgeFailedUnits, type UnitReport } from "../platforms/failed-units.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import type { RunContext } from "./context.ts";
import { type DeploymentPlan, deploymentUnit, isActivated } from "./deployment.ts";
import { permanentTrack } from "./permanent.ts";
import { type Begin, prepareTrack, runTracked } from "./tracked-program.ts";
import { createUnitReports } from "./unit-reports.ts";

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
  const { closure, commit, mode, generation, specialisation } = plan;
  const { platform } = context.deps;
  const activation = mode === "boot" ? undefined : platform.activation(activatedClosure(plan), mode);
  const track = { output: context.run.activationOutput, status: context.run.activationStatus };
  await prepareTrack(track);
  await prepareTrack(permanentTrack(context));
  const record = {
    closure,
    commit,
    mode,
    unit: await deploymentUnit(platform, plan),
    ...(generation !== undefined && { generation }),
    ...(specialisation !== undefined && { specialisation }),
  };
  if (!context.recordActivation(record)) {
    const reason = "The disk has no room to write down that an activation begins, so nothing was activated.";
    return { kind: "failed", code: "disk-full", reason };
  }
  if (activation === undefined) return { kind: "active" };
  const reports = createUnitReports();
  const { signal } = context;
  const ended = await runTracked(context, activation, { track, begin, signal, readLine: reports.readLine });
  switch (ended.kind) {
    case "stopped":
    case "withdrawn":
      return ended;
    case "no-exit-code": {
      const reason = "The activation did not finish: it left no exit code.";
      return { kind: "failed", code: "activation-failed", reason, ...(ended.firstError && { firstError: ended.firstError }) };
    }
    case "ended":
      return activationResult(context, plan, { ...ended, failedBefore, reported: reports.report() });
  }
}

/** What an activation has brought about, held against what it was to bring about. */
export async function activationResult(
  context: Pick<RunContext, "deps" | "redact">,
  plan: DeploymentPlan,
  ended: { end: ExecEnd; firstError: string | undefined; failedBefore: FailedUnitsBefore; reported: UnitReport },
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
    const reason = `The activation reported success, but ${goal} ${plan.mode === "boot" ? plan.closure : activatedClosure(plan)}.`;
    return { kind: "failed", code: "activation-failed", reason, exitCode: 0 };
  }
  const { failedBefore, reported } = ended;
  const didAll = exitCode !== undefined && exitCode === platform.unitsFailedExitCode && isActive;
  if (failedBefore !== undefined && didAll) {
    const now = await platform.failedUnits();
    const ignored = config.ignoreFailedUnits;
    const verdict = judgeFailedUnits({ before: failedBefore, now, ignored, reported });
    if (verdict.kind === "accepted") return { kind: "active" };
    return { ...verdict, reason: shorten(context.redact(verdict.reason), 1000), ...details };
  }
  return { kind: "failed", code: "activation-failed", reason: `The activation ended with ${describeEnd(end)}.`, ...details };
}
