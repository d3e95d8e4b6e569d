import { createHash } from "node:crypto";
import type { AuditEntry, RunId } from "@nixfleet/protocol";
import type { Transaction } from "kysely";
import type { ActorRef } from "../actor.ts";
import type { AuditTable, Database } from "./schema.ts";

/** An entry for the audit trail. */
export interface AuditFact {
  readonly actor: ActorRef;
  /** `thing.verb`: host.add, run.start, session.start, … */
  readonly action: string;
  /** One sentence for a person, without secrets. */
  readonly sentence: string;
  readonly hosts?: readonly { id: string; name: string }[];
  readonly runId?: RunId | null;
  /** The address of the request. */
  readonly from?: string | null;
  readonly outcome: AuditEntry["outcome"];
}

/** The previous hash in the first entry. */
export const AUDIT_GENESIS = "0".repeat(64);

/** Stores an entry behind the last one, chained to it by its hash. The caller is the only writer. */
export async function appendAuditEntry(trx: Transaction<Database>, fact: AuditFact, at: number): Promise<AuditTable> {
  const last = await trx.selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
  const entry = {
    seq: (last?.seq ?? 0) + 1,
    at,
    who: fact.actor.name,
    actor_kind: fact.actor.kind,
    actor_id: fact.actor.id,
    action: fact.action,
    area: fact.action.split(".", 1)[0] ?? fact.action,
    sentence: fact.sentence,
    hosts: JSON.stringify((fact.hosts ?? []).map(({ id, name }) => ({ id, name }))),
    run_id: fact.runId ?? null,
    address: fact.from ?? null,
    outcome: fact.outcome,
    previous: last?.hash ?? AUDIT_GENESIS,
  };
  const row = { ...entry, hash: auditHash(entry) };
  await trx.insertInto("audit").values(row).execute();
  const hosts = (fact.hosts ?? []).map(({ id, name }) => ({ seq: row.seq, host_id: id, name_key: name.toLowerCase() }));
  if (hosts.length > 0) await trx.insertInto("audit_hosts").values(hosts).execute();
  return row;
}

/** The hash that chains an entry to the one before. Entries of earlier versions have no kind of actor and are hashed without it. */
export function auditHash(row: Omit<AuditTable, "hash">): string {
  const { previous, seq, at, who, action, sentence, hosts, run_id, address, outcome, actor_kind, actor_id } = row;
  const actor = actor_kind === null ? [] : [actor_kind, actor_id];
  const text = JSON.stringify([previous, seq, at, who, action, sentence, hosts, run_id, address, outcome, ...actor]);
  return createHash("sha256").update(text).digest("hex");
}
