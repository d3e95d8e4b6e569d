import { activatedClosure } from "../../platforms/specialisations.ts";
import { reportDiff } from "../build.ts";
import { STOPPED } from "../context.ts";
import { deploy } from "../deploy.ts";
import { type DeploymentPlan, inMode, seeSystem } from "../deployment.ts";
import { guard, withFinish } from "../guards.ts";
import { readSpecialisation } from "../specialisation.ts";
import { buildTarget } from "../target-closure.ts";
import type { OpImplementation } from "./implementation.ts";

/** Builds the host's configuration at a commit and activates it. */
export const switchOp: OpImplementation<"switch"> = async (context, args) => {
  const { mode, commit: commitOption, closure: previewed, specialisation: asked } = args;
  const { platform } = context.deps;
  if (!platform.modes.includes(mode)) {
    return { state: "refused", code: "arguments-invalid", reason: `The platform ${platform.name} has no mode ${mode}.` };
  }
  const seen = await seeSystem(platform);
  const built = await buildTarget(context, commitOption, "activate");
  if (!built.ok) return built.outcome;
  const { closure, commit } = built.value;
  if (previewed !== undefined && previewed !== closure) {
    return { state: "refused", code: "closure-changed", reason: `${commit} builds ${closure}, not ${previewed}.` };
  }
  const chosen = await readSpecialisation(context, closure, { asked, mode });
  if (!chosen.ok) return chosen.outcome;
  const plan: DeploymentPlan = { closure, commit, mode, specialisation: chosen.value };
  context.phase("diff");
  await reportDiff(context, activatedClosure(plan), await platform.runningClosure());
  if (context.signal.aborted) return STOPPED;
  const guarded = await guard(context, plan);
  if (guarded.kind === "refused") return guarded.outcome;
  return withFinish(await deploy(context, inMode(plan, guarded.mode), seen), guarded.finish);
};
