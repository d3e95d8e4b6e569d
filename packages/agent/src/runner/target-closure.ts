import type { Commit, Outcome } from "@nixfleet/protocol";
import { build, evaluate, type Step } from "./build.ts";
import type { RunContext } from "./context.ts";
import { recreateIfDamaged, syncClone } from "./sync.ts";

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
  const evaluated = await evaluateClone(context, commit);
  if (!evaluated.ok) return evaluated;
  context.phase("build");
  const built = await build(context, evaluated.value);
  return built.ok ? { ok: true, value: { closure: built.value, commit } } : built;
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

function stop(outcome: Outcome): { ok: false; outcome: Outcome } {
  return { ok: false, outcome };
}
