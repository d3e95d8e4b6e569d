import type { Outcome } from "@nixfleet/protocol";
import { beginWhileArmed, disarm, extendArmed, type NotChanged } from "../deadman/arm.ts";
import { deployed, findDifferences } from "../deadman/compare.ts";
import { type UndoCause, undoOutcome } from "../deadman/decide.ts";
import { readUndoRecord } from "../deadman/record.ts";
import { readUndoOutput, undo } from "../deadman/undo.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { wait } from "../spool/run-record.ts";
import type { UndoRecord } from "../spool/shapes.ts";
import type { ActivationResult } from "./activate.ts";
import { type Confirmation, confirm } from "./confirm.ts";
import { createConfirmWindow } from "./confirm-window.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { type DeploymentPlan, recordDeployment } from "./deployment.ts";
import { createPlainOutput } from "./output.ts";
import { makePermanent } from "./permanent.ts";
import { hasAgentToTry, tryAgent } from "./try-agent.ts";

/** The least time that a confirmed deployment has to become permanent: a boot loader's installer may be slow. Milliseconds. */
const PERMANENT_LIMIT = 120_000;
/** What is enough of it where no more can be had. */
const LEAST_PERMANENT = 20_000;
/** From a cancel to the end of its run, in milliseconds: within the 5 s of R9. */
const STOP_LIMIT = 4000;

interface Details {
  firstError?: string;
  exitCode?: number;
}

interface ArmedActivation {
  plan: DeploymentPlan;
  activated: ActivationResult;
  /** Milliseconds that are left of the confirm window. */
  window: number;
}

/**
 * What follows an activation whose dead-man switch is armed: it is confirmed, made permanent, looked at and disarmed, or undone. Mode
 * `boot` has activated nothing that could be confirmed.
 */
export async function finishArmed(
  context: RunContext,
  armed: ArmedDeadman,
  { plan, activated, window }: ArmedActivation,
): Promise<Outcome> {
  if (activated.kind !== "active") return undoActivation(context, armed, activated);
  if (plan.mode !== "boot") {
    const confirmation = await confirmActivation(context, armed, window);
    switch (confirmation.kind) {
      case "stopped":
        return undoStopped(context, armed, "before the activation was confirmed");
      case "undone":
      case "refused":
        return rollBackRun(context, armed, confirmation.cause);
      case "holds":
        break;
    }
  }
  const { clock, exec, config, platform } = context.deps;
  const deps = { runnerDir: config.runnerDir, exec, clock };
  const permanent = await beginLastSteps(context, armed);
  if ("kind" in permanent) {
    if (permanent.kind === "not-armed") return rollBackRun(context, armed, null);
    const reason = `The dead-man switch could not be extended for the last steps: ${permanent.reason}`;
    return rollBackRun(context, armed, { code: "internal", reason });
  }
  const made = await makePermanent(context, plan, { begin: (start) => beginWhileArmed(deps, armed.runId, start) });
  if (made.kind !== "active") return undoActivation(context, armed, made);
  const differences = await findDifferences(platform, deployed(permanent), clock);
  if (differences.length > 0) return rollBackRun(context, armed, { code: "post-check-failed", reason: differences.join(" ") });
  if (!(await disarm(deps, armed))) return rollBackRun(context, armed, null);
  await recordDeployment(context, armed.activation);
  return { state: "succeeded" };
}

/** Records that profile and boot entry may be touched from here on, with time enough for it. */
async function beginLastSteps({ deps }: RunContext, { runId, activation }: ArmedDeadman): Promise<ArmedDeadman | NotChanged> {
  const arming = { runnerDir: deps.config.runnerDir, exec: deps.exec, clock: deps.clock };
  const stage = activation.mode === "test" ? "activation" : "permanent";
  // A trial has no last steps, and a timer that cannot be started now does not matter where enough of the window is left.
  for (const milliseconds of stage === "permanent" ? [PERMANENT_LIMIT, LEAST_PERMANENT] : []) {
    const begun = await extendArmed(arming, runId, { milliseconds, stage });
    if (!("kind" in begun) || begun.kind === "not-armed" || milliseconds === LEAST_PERMANENT) return begun;
  }
  return extendArmed(arming, runId, { milliseconds: 0, stage });
}

async function confirmActivation(context: RunContext, armed: ArmedDeadman, milliseconds: number): Promise<Confirmation> {
  const window = createConfirmWindow(context, armed, milliseconds);
  context.phase("confirm");
  const confirmation = await confirm(context, armed, window);
  if (confirmation.kind !== "holds" || !(await hasAgentToTry(context, armed))) return confirmation;
  context.phase("restart");
  return tryAgent(context, armed, window);
}

/** What did not come about is undone. */
async function undoActivation(
  context: RunContext,
  armed: ArmedDeadman,
  ended: Exclude<ActivationResult, { kind: "active" }>,
): Promise<Outcome> {
  switch (ended.kind) {
    case "stopped":
      return undoStopped(context, armed, "during the activation");
    case "withdrawn":
      return rollBackRun(context, armed, null);
    case "failed": {
      // An undo that has begun ends the activation: that it did not end well is no cause then.
      if ((await readUndoRecord(context.run)) !== undefined) return rollBackRun(context, armed, null);
      const { kind: _, code, reason, ...details } = ended;
      return rollBackRun(context, armed, { code, reason }, details);
    }
  }
}

/**
 * Undoes what a run that was stopped has activated. The run ends in time (R9): with what the undo has brought back if that is known by
 * then, else before it, and the undo goes on. Why it was stopped is for the executor to say.
 */
export async function undoStopped(context: RunContext, armed: ArmedDeadman, when: string): Promise<Outcome> {
  const { deps, request } = context;
  const isOver = { value: false };
  const log = (message: string) => (isOver.value ? deps.log(message) : context.log(message));
  const cause: UndoCause = { code: "cancelled-by-person", reason: `Stopped ${when}.` };
  const undoing = undo(
    { runnerDir: deps.config.runnerDir, exec: deps.exec, clock: deps.clock, log },
    { why: "runner", cause, applies: ({ runId }) => runId === request.runId },
  ).catch((error: unknown) => {
    // Still armed: the dead-man switch, or the next runner, tries again.
    log(`The undo met a fault: ${String(error)}`);
    return { kind: "nothing" } as const;
  });
  context.phase("undo");
  const result = await Promise.race([undoing, wait(deps.clock, Math.max(0, STOP_LIMIT - context.sinceStop()))]);
  isOver.value = true;
  if (result !== undefined) await logUndoOutput(context);
  const undone = result?.kind === "undone" ? result.undone : undefined;
  if (undone !== undefined && undone.left !== null) return undoOutcome(undone, cause);
  const host = undone === undefined ? `The host goes back to ${armed.back}.` : `The host is back at ${armed.back}.`;
  return { ...STOPPED, reason: `Stopped ${when}. ${host}` };
}

/** Undoes, unless somebody has done that already, and says how the run ends by it. */
export async function rollBackRun(
  context: RunContext,
  { back }: Pick<ArmedDeadman, "back">,
  cause: UndoCause | null,
  details: Details = {},
  why: UndoRecord["why"] = "runner",
): Promise<Outcome> {
  const { deps, run, request } = context;
  context.phase("undo");
  if (cause !== null) context.log(cause.reason);
  const result = await undo(
    { runnerDir: deps.config.runnerDir, exec: deps.exec, clock: deps.clock, log: context.log },
    { why, ...(cause === null ? {} : { cause }), applies: ({ runId }) => runId === request.runId },
  );
  await logUndoOutput(context);
  const undone = result.kind === "undone" ? result.undone : await readUndoRecord(run);
  if (undone !== undefined) return undoOutcome(undone, cause, details);
  // Neither armed nor undone by any note: a full disk can have swallowed it. What runs is the only witness.
  const found = cause ?? { code: "not-confirmed" as const, reason: "The activation was not confirmed." };
  const running = await deps.platform.runningClosure();
  if (running === back) {
    return { state: "rolled-back", code: found.code, reason: `${found.reason} The host runs ${running} again.`, ...details };
  }
  const now = running ?? "no closure that can be read";
  return failure("undo-failed", `${found.reason} There is no record of an undo: the host runs ${now}.`, details);
}

/** What the undo printed becomes part of the run's log. */
async function logUndoOutput(context: RunContext): Promise<void> {
  const output = createPlainOutput(context.output, "activation");
  output.write(Buffer.from(await readUndoOutput(context.run)));
  output.end();
}
