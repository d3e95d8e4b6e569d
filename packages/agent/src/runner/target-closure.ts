import type { Commit } from "@nixfleet/protocol";
import { exists } from "../spool/exists.ts";
import { build, evaluate, type Step } from "./build.ts";
import type { RunContext } from "./context.ts";
import type { CommitUse } from "./rewind.ts";
import { recreateIfDamaged, syncClone } from "./sync.ts";

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
  const evaluated = await evaluateClone(context, commit);
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
  const again = await evaluateClone(context, commit);
  return again.ok ? build(context, again.value) : again;
}

/**
 * Newer versions of Nix read files out of the clone's objects while they evaluate, and die of SIGBUS where these are cut short
 * meanwhile (seen with 2.34.8; 2.8 takes all files first). So what failed may have been the clone: then it is tried again with a new one.
 */
async function evaluateClone(context: RunContext, commit: Commit): Promise<Step<string>> {
  const evaluated = await evaluate(context, commit);
  if (evaluated.ok || evaluated.outcome.state !== "failed") return evaluated;
  return (await recreateIfDamaged(context, commit)) ? evaluate(context, commit) : evaluated;
}
