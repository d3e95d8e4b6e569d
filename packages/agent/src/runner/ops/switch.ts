import type { Commit, Outcome } from "@nixfleet/protocol";
import { build, evaluate, tellDiff } from "../build.ts";
import { type RunContext, STOPPED } from "../context.ts";
import { deploy } from "../deploy.ts";
import type { OpImplementation } from "../op-table.ts";
import { syncClone } from "../sync.ts";

/** Builds the host's configuration at a commit and activates it. */
export const switchOp: OpImplementation<"switch"> = async (context, { mode, commit: asked, closure: previewed }) => {
  const { platform } = context.deps;
  const wanted = asked ?? context.request.commit;
  if (wanted === null) {
    return { state: "refused", code: "target-unknown", reason: "No commit was given to switch to." };
  }
  if (!platform.modes.includes(mode)) {
    return { state: "refused", code: "arguments-invalid", reason: `The platform ${platform.name} has no mode ${mode}.` };
  }
  context.phase("fetch");
  const synced = await syncClone(context, wanted, "if-missing");
  if (!synced.ok) return synced.outcome;
  const refused = await refuseRewind(context, synced.commit);
  if (refused !== undefined) return refused;
  context.phase("evaluate");
  const evaluated = await evaluate(context, synced.commit);
  if (!evaluated.ok) return evaluated.outcome;
  context.phase("build");
  const built = await build(context, evaluated.value);
  if (!built.ok) return built.outcome;
  if (previewed !== undefined && built.value !== previewed) {
    const reason = `${synced.commit} builds ${built.value}, and the preview showed ${previewed}.`;
    return { state: "refused", code: "closure-changed", reason };
  }
  context.phase("diff");
  await tellDiff(context, built.value);
  if (context.signal.aborted) return STOPPED;
  return deploy(context, { closure: built.value, commit: synced.commit, mode });
};

/** A stolen dashboard must not bring back an old hole: backwards or sideways only if the host allows it and a person insists. */
async function refuseRewind({ ledger, clone, deps, request }: RunContext, commit: Commit): Promise<Outcome | undefined> {
  const last = (await ledger.read()).findLast((one) => one.commit !== null);
  if (last?.commit == null || (await clone.contains(commit, last.commit))) return undefined;
  if (deps.config.allowRewind && request.force) return undefined;
  const reason = `${commit} is not a descendant of ${last.commit}, which was deployed here last.`;
  return { state: "refused", code: "not-fast-forward", reason };
}
