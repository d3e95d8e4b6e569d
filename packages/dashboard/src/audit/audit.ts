import { AuditEntry } from "@nixfleet/protocol";
import type { ExpressionBuilder } from "kysely";
import { AUDIT_GENESIS, type AuditTable, auditHash, type Database, type Reader, type Store } from "../store/index.ts";

export interface AuditFilter {
  readonly who?: string | undefined;
  /** A whole action, or its first part: `run` for all of runs. */
  readonly action?: string | undefined;
  /** Id of the host, or a name that it had. */
  readonly host?: string | undefined;
}

export interface AuditPage {
  readonly items: AuditEntry[];
  /** Entries before this seq come next; null: there are none. */
  readonly next: number | null;
}

export type AuditVerdict = { ok: true; entries: number; head: string } | { ok: false; seq: number; reason: string };

/** Reads the audit trail: append-only, each entry chained to the one before by its hash. Entries are added by `Change.audit`. */
export interface Audit {
  /** Newest first, those before `before`. */
  list(filter: AuditFilter, limit: number, before: number | null): Promise<AuditPage>;
  /** Verifies the chain from the first entry: detects changed and removed entries. */
  verify(signal?: AbortSignal): Promise<AuditVerdict>;
}

const VERIFY_PAGE = 1000;
/** Entries that are looked at in one statement where a second part of a filter is still to pass. */
const FILTER_PAGE = 500;

export function createAudit({ store }: { store: Store }): Audit {
  return {
    async list(filter, limit, before) {
      const found: AuditEntry[] = [];
      const size = Object.values(filter).filter((value) => value !== undefined).length > 1 ? FILTER_PAGE : limit + 1;
      for (let from = before; ; ) {
        const page = await readPage(store.db, filter, size, from);
        for (const row of page.filter((each) => matches(each, filter))) found.push(entryOf(row));
        if (found.length > limit) break;
        from = page.at(-1)?.seq ?? null;
        if (from === null || page.length < size) break;
        // Others have their turn between two pages.
        await new Promise((resolve) => setImmediate(resolve));
      }
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1)?.seq ?? null) : null };
    },

    async verify(signal) {
      let previous = AUDIT_GENESIS;
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
          if (row.previous !== previous || row.hash !== auditHash(row)) {
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

function entryOf(row: AuditTable): AuditEntry {
  return AuditEntry.parse({
    seq: row.seq,
    at: row.at,
    who: row.who,
    actorKind: row.actor_kind,
    action: row.action,
    sentence: row.sentence,
    hosts: JSON.parse(row.hosts),
    runId: row.run_id,
    from: row.address,
    outcome: row.outcome,
  });
}

/** The newest entries that pass one part of the filter, the one that leaves least: of that there is an index, so that no more is read. */
async function readPage(db: Reader, { host, action, who }: AuditFilter, size: number, before: number | null) {
  let query = db
    .selectFrom("audit")
    .selectAll()
    .orderBy("seq", "desc")
    .limit(size)
    .where("seq", "<", before ?? Number.MAX_SAFE_INTEGER);
  if (host !== undefined) query = query.where("seq", "in", (eb) => entriesOfHost(eb, host, before, size));
  else if (action !== undefined) query = query.where(columnOf(action), "=", action);
  else if (who !== undefined) query = query.where("who", "=", who);
  return await query.execute();
}

/** The parts of the filter but the host, which only `audit_hosts` can tell. */
function matches(row: AuditTable, { action, who }: AuditFilter): boolean {
  return (action === undefined || row[columnOf(action)] === action) && (who === undefined || row.who === who);
}

/** A whole action, or its first part. */
const columnOf = (action: string) => (action.includes(".") ? "action" : "area");

/** The newest entries that name a host by its id, or by a name that it had: read from their index alone. */
function entriesOfHost(db: ExpressionBuilder<Database, "audit">, host: string, before: number | null, limit: number) {
  const named = (column: "host_id" | "name_key", value: string) => {
    const entries = db
      .selectFrom("audit_hosts")
      .select("seq")
      .where(column, "=", value)
      .where("seq", "<", before ?? Number.MAX_SAFE_INTEGER)
      .orderBy("seq", "desc")
      .limit(limit);
    return db.selectFrom(entries.as("named")).select("named.seq");
  };
  return named("host_id", host).union(named("name_key", host.toLowerCase()));
}
