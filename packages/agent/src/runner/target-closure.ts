import type { Commit } from "@nixfleet/protocol";
import { build, evaluate, type Step } from "./build.ts";
import type { RunContext } from "./context.ts";
import type { CommitUse } from "./rewind.ts";
import { syncClone } from "./sync.ts";

export interface Target {
  closure: string;
  commit: Commit;
}

/**
 * Fetches, verifies, evaluates and builds the host's configuration at a commit: the one asked for, else the target, else the tip of
 * the branch. What the host's policy refuses for this use is neither taken out nor evaluated.
 */
export async function buildTarget(context: RunContext, commitOption: Commit | undefined, use: CommitUse): Promise<Step<Target>> {
  const wanted = commitOption ?? context.request.commit;
  context.phase("fetch");
  const synced = await syncClone(context, { commit: wanted, fetch: wanted === null ? "always" : "if-missing", use });
  if (!synced.ok) return synced;
  const { commit } = synced;
  context.phase("evaluate");
  const evaluated = await evaluate(context, commit);
  if (!evaluated.ok) return evaluated;
  context.phase("build");
  const built = await build(context, evaluated.value);
  return built.ok ? { ok: true, value: { closure: built.value, commit } } : built;
}
