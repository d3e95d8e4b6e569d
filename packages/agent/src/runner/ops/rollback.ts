import type { Outcome } from "@nixfleet/protocol";
import { reportDiff } from "../build.ts";
import { type RunContext, STOPPED } from "../context.ts";
import { deploy } from "../deploy.ts";
import { seeSystem } from "../deployment.ts";
import { findGeneration } from "../generations.ts";
import { guard, withFinish } from "../guards.ts";
import { refuseGeneration } from "../rewind.ts";
import { checkSignature } from "../sync.ts";
import type { OpImplementation } from "./implementation.ts";

/** Activates an earlier generation: the closure that its number stands for, by that closure's own activator. */
export const rollback: OpImplementation<"rollback"> = async (context, { generation }) => {
  const { platform } = context.deps;
  const seen = await seeSystem(platform);
  const found = await findGeneration(context, generation);
  if (!found.ok) return found.outcome;
  const { closure, commit } = found.value;
  const refused =
    (await refuseGeneration(context, found.value, generation, (known) => checkSignature(context, known))) ??
    (await refuseCurrent(context, closure, generation));
  if (refused !== undefined) return refused;
  context.phase("diff");
  await reportDiff(context, closure, await platform.runningClosure());
  if (context.signal.aborted) return STOPPED;
  const guarded = await guard(context, closure, "switch");
  if (guarded.kind === "refused") return guarded.outcome;
  return withFinish(await deploy(context, { closure, commit, generation, mode: guarded.mode }, seen), guarded.finish);
};

/** What runs and is booted next already needs no activation, unless somebody insists. */
async function refuseCurrent(
  { deps: { platform }, request }: RunContext,
  closure: string,
  generation: number,
): Promise<Outcome | undefined> {
  const isCurrent = (await platform.runningClosure()) === closure && (await platform.profileClosure()) === closure;
  if (!isCurrent || request.force) return undefined;
  return { state: "refused", code: "already-current", reason: `The host runs generation ${generation} already.` };
}
