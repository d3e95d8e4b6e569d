import { deployedClosure, type OpRequest, opDeclaration, shortCommit } from "@nixfleet/protocol";
import type { KnownFacts } from "../hosts/index.ts";
import type { ProvingRun } from "./run.ts";

export type PostCheck =
  | { kind: "met" }
  | { kind: "missed"; reason: string }
  /** The deciding fact has not been read since the work ended. */
  | { kind: "unknown"; reason: string };

type CheckedRun = Pick<ProvingRun, "request" | "commit" | "deployed">;

const short = (commit: string | null | undefined) => (commit == null ? "nothing" : shortCommit(commit));

/**
 * Whether the goal of a run is met, by facts that the host read at or after `since`, its own time of the end: causality decides,
 * not a timer (R22).
 */
export function postCheck(run: CheckedRun, facts: KnownFacts, since: number): PostCheck {
  const check = opDeclaration(run.request.op).postCheck;
  switch (check) {
    case "none":
      return { kind: "met" };

    case "clone-at-commit": {
      const clone = facts.clone;
      if (clone === undefined || clone.readAt < since) {
        return { kind: "unknown", reason: "The host has not reported its clone since the run ended." };
      }
      const at = clone.value;
      if (run.commit === null || at.commit === run.commit) return { kind: "met" };
      return { kind: "missed", reason: `The clone is at ${short(at.commit)} instead of ${short(run.commit)}.` };
    }

    case "system-is-closure": {
      // An op that does not report what it activated has activated nothing (R45).
      if (run.deployed === null) return { kind: "missed", reason: "The host reported no activation." };
      if (run.commit !== null && run.deployed.commit !== run.commit) {
        return { kind: "missed", reason: `The host deployed ${short(run.deployed.commit)} instead of ${short(run.commit)}.` };
      }
      const mismatch = requestMismatch(run.request, run.deployed.closure, facts);
      if (mismatch !== null) return { kind: "missed", reason: mismatch };
      const name = run.deployed.mode === "boot" ? "profile" : "running";
      const fact = facts[name];
      if (fact === undefined || fact.readAt < since) {
        return { kind: "unknown", reason: "The host has not reported what it runs since the run ended." };
      }
      const closure = "specialisation" in fact.value ? deployedClosure(fact.value) : fact.value.closure;
      if (closure === run.deployed.closure) return specialisationCheck(run, facts);
      const where = name === "profile" ? "The system profile names" : "The host runs";
      return { kind: "missed", reason: `${where} ${closure} instead of ${run.deployed.closure}.` };
    }
  }
}

/** A specialisation that was asked for is what has to run; null asks for none. */
function specialisationCheck({ request, deployed }: CheckedRun, { running }: KnownFacts): PostCheck {
  if (request.op !== "switch" || request.args.specialisation === undefined || deployed?.mode === "boot") return { kind: "met" };
  const runs = running?.value.specialisation?.name ?? null;
  if (runs === request.args.specialisation) return { kind: "met" };
  const named = (name: string | null) => (name === null ? "no specialisation" : `the specialisation ${name}`);
  return { kind: "missed", reason: `The host runs ${named(runs)} instead of ${named(request.args.specialisation)}.` };
}

/** Why the activated closure is not the requested one, for a switch to a closure and a rollback to a generation (R34); null: it is. */
function requestMismatch(request: OpRequest, closure: string, { generations }: KnownFacts): string | null {
  if (request.op === "switch") {
    const { closure: requested } = request.args;
    return requested === undefined || requested === closure ? null : `The host activated ${closure} instead of ${requested}.`;
  }
  if (request.op !== "rollback") return null;
  const requested = generations?.value.find(({ number }) => number === request.args.generation)?.closure;
  if (requested === undefined || requested === closure) return null;
  return `The host activated ${closure} instead of generation ${request.args.generation}, ${requested}.`;
}
