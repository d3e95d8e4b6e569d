import { type OpName, opDeclaration, REFUSALS, type RefusalCode, roleAllows } from "@nixfleet/protocol";
import type { Actor, PersonActor } from "../actor.ts";
import type { Refusal } from "./pre-checks.ts";

/** Whether an actor may start an op (R74). */
export type Authorization =
  | { kind: "allowed" }
  /** The person gave a proof that still has to be verified. */
  | { kind: "verify"; person: PersonActor }
  | ({ kind: "refused" } & Refusal);

const refuse = (code: RefusalCode): Authorization => ({ kind: "refused", code, reason: REFUSALS[code].sentence });

/**
 * The role is checked first: without it, no proof is requested. Only a person can give a proof, so no token, rollout, webhook or
 * schedule can start an op that requires one.
 */
export function authorize(actor: Actor, op: OpName): Authorization {
  const { role, secondFactor } = opDeclaration(op);
  switch (actor.kind) {
    case "person":
      if (!roleAllows(actor.role, role)) return refuse("role-too-low");
      if (!secondFactor) return { kind: "allowed" };
      return actor.proof === null ? refuse("second-factor-required") : { kind: "verify", person: actor };
    case "token":
    case "rollout":
    case "webhook":
    case "schedule":
      if (!roleAllows(actor.role, role)) return refuse("role-too-low");
      return secondFactor ? refuse("second-factor-required") : { kind: "allowed" };
    case "host":
      // Runs by hand begin on the host; no host asks for them here.
      return refuse("role-too-low");
  }
}
