import { actorRef, addressOf, subjectOf } from "../actor.ts";
import { actorOf, type Principal, type RequestOrigin } from "../people/index.ts";
import type { AuditFact } from "../store/index.ts";

/** What a principal did. `predicate` completes the sentence that begins with their name: “added web1”. */
export interface PrincipalAction extends Omit<AuditFact, "actor" | "from" | "sentence"> {
  readonly predicate: string;
}

/** The audit entry for it. */
export function auditFact(principal: Principal, origin: RequestOrigin, { predicate, ...fact }: PrincipalAction): AuditFact {
  const actor = actorOf(principal, origin);
  return { ...fact, actor: actorRef(actor), sentence: `${subjectOf(actor)} ${predicate}.`, from: addressOf(actor) };
}
