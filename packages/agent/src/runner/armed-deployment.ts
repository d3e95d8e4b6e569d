import type { Outcome } from "@nixfleet/protocol";
import { beginWhileArmed, disarm } from "../deadman/arm.ts";
import { type UndoCause, undoOutcome } from "../deadman/decide.ts";
import { readUndoRecord } from "../deadman/record.ts";
import { readUndoOutput, undo } from "../deadman/undo.ts";
import type { ArmedDeadman, UndoRecord } from "../spool/shapes.ts";
import type { ActivationResult } from "./activate.ts";
import { confirm } from "./confirm.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { type DeploymentPlan, recordDeployment } from "./deployment.ts";
import { createPlainOutput } from "./output.ts";
import { makePermanent } from "./permanent.ts";
import { hasAgentToTry, tryAgent } from "./try-agent.ts";

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
 * What follows an activation whose dead-man switch is armed: it is confirmed, made permanent and disarmed, or undone. A run that
 * is stopped is left armed: it ends at once, and whoever has ended it undoes.
 */
export async function finishArmed(
  context: RunContext,
  armed: ArmedDeadman,
  { plan, activated, window }: ArmedActivation,
): Promise<Outcome> {
  if (activated.kind !== "active") return undoActivation(context, armed, activated);
  const endsAt = performance.now() + window;
  context.phase("confirm");
  let confirmation = await confirm(context, armed, window);
  if (confirmation.kind === "holds" && (await hasAgentToTry(context, armed))) {
    context.phase("restart");
    confirmation = await tryAgent(context, armed, Math.max(0, endsAt - performance.now()));
  }
  switch (confirmation.kind) {
    case "stopped":
      return stopped(armed, "before the activation was confirmed");
    case "undone":
    case "refused":
      return rollBackRun(context, armed, confirmation.cause);
    case "holds":
      break;
  }
  const { runnerDir } = context.deps.config;
  const deps = { runnerDir, exec: context.deps.exec, clock: context.deps.clock };
  const permanent = await makePermanent(context, plan, (start) => beginWhileArmed(deps, armed.runId, start));
  if (permanent.kind !== "active") return undoActivation(context, armed, permanent);
  if (!(await disarm(deps, armed))) return rollBackRun(context, armed, null);
  await recordDeployment(context, armed.activation);
  return { state: "succeeded" };
}

/** What did not come about is undone, unless the run was stopped: then whoever has stopped it does that. */
async function undoActivation(
  context: RunContext,
  armed: ArmedDeadman,
  ended: Exclude<ActivationResult, { kind: "active" }>,
): Promise<Outcome> {
  switch (ended.kind) {
    case "stopped":
      return stopped(armed, "during the activation, which can leave the system half switched");
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

/** How a run ends that was stopped while it was armed. Why it was stopped is for the executor to say. */
export function stopped({ back }: ArmedDeadman, when: string): Outcome {
  return { ...STOPPED, reason: `Stopped ${when}. The host goes back to ${back}.` };
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
