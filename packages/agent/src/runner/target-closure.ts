import type { Commit } from "@nixfleet/protocol";
import { exists } from "../spool/exists.ts";
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
  const built = await buildKept(context, evaluated.value, commit);
  return built.ok ? { ok: true, value: { closure: built.value, commit } } : built;
}

/**
 * Builds a derivation that an evaluation of this run has made. Nothing roots it in between, so a garbage collection at that moment
 * removes it: then it is made again.
 */
async function buildKept(context: RunContext, derivation: string, commit: Commit): Promise<Step<string>> {
  const built = await build(context, derivation);
  if (built.ok || built.outcome.state !== "failed" || (await exists(derivation))) return built;
  context.log("A garbage collection has removed what was evaluated. It is evaluated again.");
  const again = await evaluate(context, commit);
  return again.ok ? build(context, again.value) : again;
}
