import { actorRef, addressOf, subjectOf } from "../actor.ts";
import { actorOf, type Principal, type RequestOrigin } from "../people/index.ts";
import type { AuditFact } from "../store/index.ts";

/** What a principal did. `did` goes on where the sentence has named them: “added web1”. */
export interface PrincipalDid extends Omit<AuditFact, "actor" | "from" | "sentence"> {
  readonly did: string;
}

/** What the audit trail tells of it. */
export function auditFact(principal: Principal, origin: RequestOrigin, { did, ...fact }: PrincipalDid): AuditFact {
  const actor = actorOf(principal, origin);
  return { ...fact, actor: actorRef(actor), sentence: `${subjectOf(actor)} ${did}.`, from: addressOf(actor) };
}
