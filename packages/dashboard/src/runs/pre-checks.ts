import {
  deployedClosure,
  type OPS,
  type OpDeclaration,
  type OpRequest,
  opDeclaration,
  type Platform,
  REFUSALS,
  type RefusalCode,
} from "@nixfleet/protocol";
import type { KnownFacts } from "../hosts/index.ts";

/** Facts about a host and the target, read when a run is requested and again before it is sent. */
export interface PreCheckFacts {
  platform: Platform;
  /** Ops that the host's own configuration allows; null before its first hello. */
  allowedOps: readonly string[] | null;
  facts: KnownFacts;
  /** Commits that a closure was deployed from on this host, or built from in a preview; null: an unknown commit. */
  deployedCommits: (closure: string) => readonly (string | null)[];
  /** The commit that the run is about; null: the target is not known. */
  commit: string | null;
  /** Why the target is not known, as a sentence that replaces the refusal's own. */
  noTarget?: string | null;
}

export interface Refusal {
  code: RefusalCode;
  reason: string;
}

const refusal = (code: RefusalCode): Refusal => ({ code, reason: REFUSALS[code].sentence });

/** Whether a run may go to its host; null: it may. `force` skips the checks that may be skipped. */
export function preCheck(request: OpRequest, force: boolean, known: PreCheckFacts): Refusal | null {
  if (known.allowedOps !== null && !known.allowedOps.includes(request.op)) return refusal("op-not-allowed-on-host");
  for (const check of opDeclaration(request.op).preChecks) {
    const found = PRE_CHECKS[check](request, known);
    if (found !== null && !(force && REFUSALS[found.code].skippable)) return found;
  }
  return null;
}

type PreCheck = (request: OpRequest, known: PreCheckFacts) => Refusal | null;

const PRE_CHECKS: Readonly<Record<OpDeclaration["preChecks"][number], PreCheck>> = {
  "target-known": targetKnown,
  "not-already-current": notAlreadyCurrent,
};

function targetKnown(request: OpRequest, { commit, noTarget }: PreCheckFacts): Refusal | null {
  if (!needsCommit(request) || commit !== null) return null;
  return noTarget == null ? refusal("target-unknown") : { code: "target-unknown", reason: noTarget };
}

/**
 * A switch would change nothing: the closure that it would activate is current, and was deployed from this commit or names it as
 * its revision. The modes `test` and `boot` compare only the link that they change.
 */
function notAlreadyCurrent(request: OpRequest, { commit, facts, deployedCommits }: PreCheckFacts): Refusal | null {
  if (request.op !== "switch" || commit === null) return null;
  const running = facts.running?.value;
  const profile = facts.profile?.value;
  const deployed = running && deployedClosure(running);
  const closure = request.args.mode === "boot" ? profile?.closure : deployed;
  if (closure === undefined) return null;
  // A switch also sets the profile, so after a `test` it still has something to do.
  if (request.args.mode === "switch" && profile !== undefined && profile.closure !== closure) return null;
  const { specialisation } = request.args;
  if (specialisation !== undefined && specialisation !== (running?.specialisation?.name ?? null)) return null;
  const revision = closure === deployed ? running?.revision : undefined;
  return deployedCommits(closure).includes(commit) || revision === commit ? refusal("already-current") : null;
}

/** The commit of its arguments, else the target; null: the op needs none, or the target is not known. */
export function commitOf(request: OpRequest, target: string | null): string | null {
  if ("commit" in request.args && request.args.commit !== undefined) return request.args.commit;
  return needsCommit(request) ? target : null;
}

/** A preview of a generation builds no commit. */
function needsCommit(request: OpRequest): boolean {
  if (request.op === "preview" && request.args.generation !== undefined) return false;
  return opDeclaration(request.op).preChecks.includes("target-known");
}

/** Milliseconds that a run of an op may take, its own setting first. */
export function deadlineOf(request: OpRequest, deadlines: Partial<Record<keyof typeof OPS, number>>): number {
  return deadlines[request.op] ?? opDeclaration(request.op).deadline;
}
