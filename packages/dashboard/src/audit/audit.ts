import { createHash } from "node:crypto";
import { AuditEntry } from "@nixfleet/protocol";
import { sql, type Transaction } from "kysely";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import type { AuditTable, Database, Store } from "../store/index.ts";

/** What somebody did, as the audit trail tells it. */
export interface AuditFact {
  /** Name of the person; "unknown" for a stranger. */
  readonly who: string;
  /** `thing.verb`: host.add, run.start, session.start, … */
  readonly action: string;
  /** One sentence for a person. Holds no secret. */
  readonly sentence: string;
  readonly hosts?: readonly { id: string; name: string }[];
  readonly runId?: string | null;
  readonly from?: string | null;
  readonly outcome: AuditEntry["outcome"];
}

export interface AuditFilter {
  readonly who?: string | undefined;
  /** A whole action, or its first part: `run` for all of runs. */
  readonly action?: string | undefined;
  /** Id or name that the host had. */
  readonly host?: string | undefined;
}

export interface AuditPage {
  readonly items: AuditEntry[];
  /** Entries before this seq come next; null: there are none. */
  readonly next: number | null;
}

export type AuditVerdict = { ok: true; entries: number; head: string } | { ok: false; seq: number; reason: string };

export interface Audit {
  /** Stores an entry in the transaction of what it tells of. `said` must be called with the seq once that is stored. */
  append(trx: Transaction<Database>, fact: AuditFact): Promise<number>;
  said(seq: number): void;
  /** Stores an entry by itself, and says it. */
  record(fact: AuditFact): Promise<void>;
  /** Newest first, those before `before`. */
  list(filter: AuditFilter, limit: number, before: number | null): Promise<AuditPage>;
  /** Follows the chain from the first entry: whether one was changed, or removed from between. */
  verify(signal?: AbortSignal): Promise<AuditVerdict>;
}

const GENESIS = "0".repeat(64);
const VERIFY_PAGE = 1000;

/** The audit trail: append-only, each entry chained to the one before by its hash. */
export function createAudit({ store, bus, log, now }: { store: Store; bus: Bus; log: Logger; now(): number }): Audit {
  const said = (seq: number) => bus.emit("audit.added", { seq });

  async function append(trx: Transaction<Database>, fact: AuditFact): Promise<number> {
    const last = await trx.selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
    const entry = {
      seq: (last?.seq ?? 0) + 1,
      at: now(),
      who: fact.who,
      action: fact.action,
      sentence: fact.sentence,
      hosts: JSON.stringify((fact.hosts ?? []).map(({ id, name }) => ({ id, name }))),
      run_id: fact.runId ?? null,
      address: fact.from ?? null,
      outcome: fact.outcome,
      previous: last?.hash ?? GENESIS,
    };
    const hash = hashOf(entry);
    await trx
      .insertInto("audit")
      .values({ ...entry, hash })
      .execute();
    // Whoever rewrites the whole chain in the database does not reach the program's log.
    log.info({ seq: entry.seq, who: fact.who, action: fact.action, from: entry.address, outcome: fact.outcome, hash }, "Audit");
    return entry.seq;
  }

  return {
    append,
    said,
    async record(fact) {
      said(await store.write((trx) => append(trx, fact)));
    },

    async list(filter, limit, before) {
      let query = store.db
        .selectFrom("audit")
        .selectAll()
        .orderBy("seq", "desc")
        .limit(limit + 1);
      if (before !== null) query = query.where("seq", "<", before);
      if (filter.who !== undefined) query = query.where("who", "=", filter.who);
      const { action, host } = filter;
      if (action !== undefined) {
        query = query.where((where) =>
          where.or([where("action", "=", action), sql<boolean>`action like ${`${escapeLike(action)}.%`} escape '!'`]),
        );
      }
      if (host !== undefined) {
        const quoted = escapeLike(JSON.stringify(host));
        query = query.where(
          sql<boolean>`(hosts like ${`%"id":${quoted}%`} escape '!' or hosts like ${`%"name":${quoted}%`} escape '!')`,
        );
      }
      const rows = await query.execute();
      const items = rows.slice(0, limit).map(entryOf);
      return { items, next: rows.length > limit ? (items.at(-1)?.seq ?? null) : null };
    },

    async verify(signal) {
      let previous = GENESIS;
      let seq = 0;
      for (;;) {
        signal?.throwIfAborted();
        const rows = await store.db
          .selectFrom("audit")
          .selectAll()
          .where("seq", ">", seq)
          .orderBy("seq")
          .limit(VERIFY_PAGE)
          .execute();
        for (const row of rows) {
          if (row.seq !== seq + 1) return { ok: false, seq: seq + 1, reason: "An entry was removed." };
          if (row.previous !== previous || row.hash !== hashOf(row)) {
            return { ok: false, seq: row.seq, reason: "An entry was changed." };
          }
          seq = row.seq;
          previous = row.hash;
        }
        if (rows.length < VERIFY_PAGE) return { ok: true, entries: seq, head: previous };
        // Others have their turn between two pages.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function hashOf(row: Omit<AuditTable, "hash">): string {
  const { previous, seq, at, who, action, sentence, hosts, run_id, address, outcome } = row;
  const text = JSON.stringify([previous, seq, at, who, action, sentence, hosts, run_id, address, outcome]);
  return createHash("sha256").update(text).digest("hex");
}

function entryOf(row: AuditTable): AuditEntry {
  return AuditEntry.parse({
    seq: row.seq,
    at: row.at,
    who: row.who,
    action: row.action,
    sentence: row.sentence,
    hosts: JSON.parse(row.hosts),
    runId: row.run_id,
    from: row.address,
    outcome: row.outcome,
  });
}

function escapeLike(text: string): string {
  return text.replace(/[!%_]/g, "!$&");
}
