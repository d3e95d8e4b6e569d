import type { Facts, HostId, HostPolicy, HostSettings, Platform, SourceId } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Selectable } from "kysely";
import type { Ids } from "../ids.ts";
import type { AuditFact, Change, HostsTable, Store } from "../store/index.ts";
import { type KnownFacts, knownFacts } from "./host-facts.ts";
import { hashToken, makeToken, nameInToken } from "./host-token.ts";

/** A host as stored. Live state (link, metrics, conflict) is kept by `links/`. */
export interface HostRecord {
  id: HostId;
  name: string;
  platform: Platform;
  notes: string;
  addedAt: number;
  /** The agent's own host name; null before its first hello. */
  hostname: string | null;
  policy: HostPolicy | null;
  settings: HostSettings | null;
  /** The source that it tracks, from its last hello; null: not reported yet. */
  sourceId: SourceId | null;
  /** Null: it has never connected. */
  firstConnectedAt: number | null;
  /** When it was last connected, to the minute. */
  lastSeenAt: number | null;
  facts: KnownFacts;
}

export interface HostTokenRecord {
  createdAt: number;
  lastUsedAt: number | null;
  lastUsedFrom: string | null;
}

export type Authentication =
  | { ok: true; hostId: HostId }
  /** `namedHost`: the host whose name is in the invalid token. */
  | { ok: false; reason: string; namedHost: HostId | null };

/** Makes the audit entry for a change of a host, by its name after the change. */
export type DescribeHostChange = (host: { id: HostId; name: string }) => AuditFact;

/** The records of hosts and their tokens. */
export interface Hosts {
  /** By name. */
  list(): Promise<HostRecord[]>;
  get(id: HostId): Promise<HostRecord | null>;
  /** By id, or by name ignoring case. */
  find(idOrName: string): Promise<HostRecord | null>;
  /** Returns the token, which is not available again later (R51). */
  add(
    host: { name: string; platform: Platform },
    describe?: DescribeHostChange,
  ): Promise<{ ok: true; id: HostId; token: string } | { ok: false; code: "name-taken" }>;
  change(
    id: HostId,
    change: { name?: string | undefined; notes?: string | undefined },
    describe?: DescribeHostChange,
  ): Promise<{ ok: true } | { ok: false; code: "name-taken" | "host-not-found" }>;
  /** Removes the host with its facts and token, and ends its link and its runs, whose history stays. False: no such host. */
  remove(id: HostId, describe?: DescribeHostChange): Promise<boolean>;
  /** Replaces the token; the old one and its link end at once. Null: there is no such host. */
  rotateToken(id: HostId, describe?: DescribeHostChange): Promise<string | null>;
  /** False: there was no token. */
  revokeToken(id: HostId, describe?: DescribeHostChange): Promise<boolean>;
  token(id: HostId): Promise<HostTokenRecord | null>;
  authenticate(token: string): Promise<Authentication>;
}

export interface HostsDeps {
  store: Store;
  clock: Clock;
  ids: Ids;
  randomBytes: (count: number) => Uint8Array;
  /** Ends the runs of a host that is about to be removed, in the same change. */
  endRuns(change: Change, hostId: HostId): Promise<void>;
}

function toRecord(row: Selectable<HostsTable>, facts: KnownFacts): HostRecord {
  return {
    id: row.id,
    name: row.name,
    platform: row.platform,
    notes: row.notes,
    addedAt: row.added_at,
    hostname: row.hostname,
    policy: row.policy,
    settings: row.settings,
    sourceId: row.source_id,
    firstConnectedAt: row.first_connected_at,
    lastSeenAt: row.last_seen_at,
    facts,
  };
}

/** The values of the facts, without times. */
export function factValues(facts: KnownFacts): Partial<Facts> {
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, fact.value])) as Partial<Facts>;
}

export function createHosts({ store, clock, ids, randomBytes, endRuns }: HostsDeps): Hosts {
  const one = async (column: "id" | "name_key", value: HostId | string): Promise<HostRecord | null> => {
    const row = await store.db
      .selectFrom("hosts")
      .selectAll()
      .where(column, "=", value as HostId)
      .executeTakeFirst();
    if (row === undefined) return null;
    return toRecord(row, knownFacts(await store.db.selectFrom("host_facts").selectAll().where("host_id", "=", row.id).execute()));
  };

  const putToken = ({ db }: Change, id: HostId, token: string) =>
    db
      .insertInto("host_tokens")
      .values({ host_id: id, hash: hashToken(token), created_at: clock.now() })
      .execute();

  /** Adds the audit entry if the host exists. */
  async function auditHost(change: Change, id: HostId, describe: DescribeHostChange | undefined): Promise<void> {
    if (describe === undefined) return;
    const host = await change.db.selectFrom("hosts").select("name").where("id", "=", id).executeTakeFirst();
    if (host !== undefined) change.audit(describe({ id, name: host.name }));
  }

  return {
    async list() {
      const rows = await store.db.selectFrom("hosts").selectAll().orderBy("name_key").execute();
      const facts = Map.groupBy(await store.db.selectFrom("host_facts").selectAll().execute(), (fact) => fact.host_id);
      return rows.map((row) => toRecord(row, knownFacts(facts.get(row.id) ?? [])));
    },

    get: (id) => one("id", id),
    find: async (idOrName) => (await one("id", idOrName)) ?? (await one("name_key", idOrName.toLowerCase())),

    add({ name, platform }, describe) {
      const id = ids.host();
      const token = makeToken(name, randomBytes);
      return store.change(async (change) => {
        const { db } = change;
        const taken = await db.selectFrom("hosts").select("id").where("name_key", "=", name.toLowerCase()).executeTakeFirst();
        if (taken !== undefined) return { ok: false, code: "name-taken" };
        await db
          .insertInto("hosts")
          .values({ id, name, name_key: name.toLowerCase(), platform, notes: "", added_at: clock.now() })
          .execute();
        await putToken(change, id, token);
        if (describe !== undefined) change.audit(describe({ id, name }));
        change.emit("host.changed", { hostId: id });
        return { ok: true, id, token };
      });
    },

    change(id, { name, notes }, describe) {
      return store.change(async (change) => {
        if (name !== undefined) {
          const taken = await change.db
            .selectFrom("hosts")
            .select("id")
            .where("name_key", "=", name.toLowerCase())
            .where("id", "!=", id)
            .executeTakeFirst();
          if (taken !== undefined) return { ok: false, code: "name-taken" };
        }
        const { numUpdatedRows } = await change.db
          .updateTable("hosts")
          .set({
            // An update must set something: set the notes to themselves.
            notes: notes ?? ((eb) => eb.ref("notes")),
            ...(name === undefined ? {} : { name, name_key: name.toLowerCase() }),
          })
          .where("id", "=", id)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return { ok: false, code: "host-not-found" };
        await auditHost(change, id, describe);
        change.emit("host.changed", { hostId: id });
        return { ok: true };
      });
    },

    remove(id, describe) {
      return store.change(async (change) => {
        await auditHost(change, id, describe);
        await endRuns(change, id);
        const { numDeletedRows } = await change.db.deleteFrom("hosts").where("id", "=", id).executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        change.emit("host.removed", { hostId: id });
        return true;
      });
    },

    rotateToken(id, describe) {
      return store.change(async (change) => {
        const host = await change.db.selectFrom("hosts").select("name").where("id", "=", id).executeTakeFirst();
        if (host === undefined) return null;
        const token = makeToken(host.name, randomBytes);
        await change.db.deleteFrom("host_tokens").where("host_id", "=", id).execute();
        await putToken(change, id, token);
        if (describe !== undefined) change.audit(describe({ id, name: host.name }));
        change.emit("token.ended", { hostId: id });
        change.emit("host.changed", { hostId: id });
        return token;
      });
    },

    revokeToken(id, describe) {
      return store.change(async (change) => {
        const { numDeletedRows } = await change.db.deleteFrom("host_tokens").where("host_id", "=", id).executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await auditHost(change, id, describe);
        change.emit("token.ended", { hostId: id });
        change.emit("host.changed", { hostId: id });
        return true;
      });
    },

    async token(id) {
      const row = await store.db.selectFrom("host_tokens").selectAll().where("host_id", "=", id).executeTakeFirst();
      if (row === undefined) return null;
      return { createdAt: row.created_at, lastUsedAt: row.last_used_at, lastUsedFrom: row.last_used_from };
    },

    async authenticate(token) {
      const row = await store.db
        .selectFrom("host_tokens")
        .select("host_id")
        .where("hash", "=", hashToken(token))
        .executeTakeFirst();
      if (row !== undefined) return { ok: true, hostId: row.host_id };
      const name = nameInToken(token);
      const named =
        name === null
          ? undefined
          : await store.db.selectFrom("hosts").select("id").where("name_key", "=", name.toLowerCase()).executeTakeFirst();
      return {
        ok: false,
        reason: name === null ? "This is not a host token." : "This token was replaced, revoked or mistyped.",
        namedHost: named?.id ?? null,
      };
    },
  };
}
