import type { Outcome } from "@nixfleet/protocol";
import { activatedClosure } from "../../platforms/specialisations.ts";
import { reportDiff } from "../build.ts";
import { type RunContext, STOPPED } from "../context.ts";
import { deploy } from "../deploy.ts";
import { type DeploymentPlan, inMode, isActivated, seeSystem } from "../deployment.ts";
import { findGeneration } from "../generations.ts";
import { guard, withFinish } from "../guards.ts";
import { refuseGeneration } from "../rewind.ts";
import { readSpecialisation } from "../specialisation.ts";
import { checkSignature } from "../sync.ts";
import type { OpImplementation } from "./implementation.ts";

/** Activates an earlier generation: the closure that its number stands for, by that closure's own activator. */
export const rollback: OpImplementation<"rollback"> = async (context, { generation }) => {
  const { platform } = context.deps;
  const seen = await seeSystem(platform);
  const found = await findGeneration(context, generation);
  if (!found.ok) return found.outcome;
  const { closure, commit } = found.value;
  const refused = await refuseGeneration(context, found.value, generation, (known) => checkSignature(context, known));
  if (refused !== undefined) return refused;
  const chosen = await readSpecialisation(context, closure, { asked: undefined, mode: "switch" });
  if (!chosen.ok) return chosen.outcome;
  const plan: DeploymentPlan = { closure, commit, generation, mode: "switch", specialisation: chosen.value };
  const current = await refuseCurrent(context, plan);
  if (current !== undefined) return current;
  context.phase("diff");
  await reportDiff(context, activatedClosure(plan), await platform.runningClosure());
  if (context.signal.aborted) return STOPPED;
  const guarded = await guard(context, plan);
  if (guarded.kind === "refused") return guarded.outcome;
  return withFinish(await deploy(context, inMode(plan, guarded.mode), seen), guarded.finish);
};

/** What runs and is booted next already needs no activation, unless somebody insists. */
async function refuseCurrent(context: RunContext, plan: DeploymentPlan): Promise<Outcome | undefined> {
  const isCurrent = (await isActivated(context, plan)) && (await context.deps.platform.profileClosure()) === plan.closure;
  if (!isCurrent || context.request.force) return undefined;
  return { state: "refused", code: "already-current", reason: `The host runs generation ${plan.generation} already.` };
}
