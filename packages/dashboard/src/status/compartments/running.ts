import { type Commit, type Deployment, deployedClosure, type Timestamp } from "@nixfleet/protocol";
import type { HostInput } from "./input.ts";

/** The running system of a host, and how it is known. A specialisation runs what it is one of. */
export type Running =
  /** Its running closure has not been reported. */
  | { readonly kind: "unknown" }
  /** NixFleet activated the closure; `deployments` of exactly this closure, newest first. */
  | { readonly kind: "deployed"; readonly closure: string; readonly deployments: readonly [Deployment, ...Deployment[]] }
  /** Something else did, and the system itself names the commit that it was built from. */
  | { readonly kind: "named"; readonly closure: string; readonly commit: Commit }
  /** Something else did, and a preview of this commit built exactly this closure. */
  | { readonly kind: "previewed"; readonly closure: string; readonly commit: Commit }
  /** Something else did. `drift`: after NixFleet had deployed another closure (R17). */
  | { readonly kind: "foreign"; readonly closure: string; readonly drift: boolean };

type RunningInput = Pick<HostInput, "facts" | "deployments" | "previews">;

/** Identifies the running system by store path: names and the commit of the clone prove nothing (R16, R17). */
export function runningSystem({ facts, deployments, previews }: RunningInput): Running {
  if (facts.running === undefined) return { kind: "unknown" };
  const { revision } = facts.running;
  const closure = deployedClosure(facts.running);
  const [first, ...more] = deployments.filter((deployment) => deployment.closure === closure);
  if (first !== undefined) return { kind: "deployed", closure, deployments: [first, ...more] };
  if (revision !== undefined) return { kind: "named", closure, commit: revision };
  const preview = previews.find((shown) => shown.closure === closure);
  if (preview !== undefined) return { kind: "previewed", closure, commit: preview.commit };
  return { kind: "foreign", closure, drift: deployments.length > 0 };
}

/** The commit that the running system was built from, and since when it runs; null: not known. */
export function runningCommit(host: RunningInput, target: Commit | null): { commit: Commit | null; since: Timestamp | null } {
  const running = runningSystem(host);
  const since = host.facts.running?.since ?? null;
  // Several commits can build one closure: prefer the target.
  if (target !== null && runsCommit(host, target)) return { commit: target, since };
  switch (running.kind) {
    case "deployed": {
      // A rollback may not know its commit, though an earlier deployment of the closure does.
      const deployment = running.deployments.find(({ commit }) => commit !== null) ?? running.deployments[0];
      return { commit: deployment.commit, since: since ?? deployment.at };
    }
    case "named":
    case "previewed":
      return { commit: running.commit, since };
    case "foreign":
    case "unknown":
      return { commit: null, since };
  }
}

/** Whether the running closure was deployed from this commit, names it, or was built by a preview of it. */
export function runsCommit(host: RunningInput, commit: Commit): boolean {
  const running = runningSystem(host);
  if (running.kind === "unknown") return false;
  if (host.previews.some((shown) => shown.closure === running.closure && shown.commit === commit)) return true;
  if (running.kind === "deployed") return running.deployments.some((deployment) => deployment.commit === commit);
  return running.kind === "named" && running.commit === commit;
}
