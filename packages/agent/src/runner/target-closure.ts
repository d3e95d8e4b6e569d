import type { Commit, Outcome } from "@nixfleet/protocol";
import { exists } from "../spool/exists.ts";
import { build, evaluate, type Step } from "./build.ts";
import type { RunContext } from "./context.ts";
import { syncClone } from "./sync.ts";

export interface Target {
  closure: string;
  commit: Commit;
}

/**
 * Fetches, verifies, evaluates and builds the host's configuration at a commit: the one asked for, else the target, else the tip of
 * the branch. `mayUse` looks at a commit that is there and
 * verified: what it gives ends the run before anything of the commit is evaluated.
 */
export async function buildTarget(
  context: RunContext,
  commitOption: Commit | undefined,
  mayUse: (commit: Commit) => Promise<Outcome | undefined> = async () => undefined,
): Promise<Step<Target>> {
  const wanted = commitOption ?? context.request.commit;
  context.phase("fetch");
  const synced = await syncClone(context, wanted, wanted === null ? "always" : "if-missing");
  if (!synced.ok) return synced;
  const { commit } = synced;
  const unusable = await mayUse(commit);
  if (unusable !== undefined) return stop(unusable);
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

function stop(outcome: Outcome): { ok: false; outcome: Outcome } {
  return { ok: false, outcome };
}
