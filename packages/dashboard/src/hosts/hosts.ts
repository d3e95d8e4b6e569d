import type { Facts, HostId, HostPolicy, HostSettings, Platform } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Selectable, Transaction } from "kysely";
import type { Bus } from "../bus.ts";
import type { Ids } from "../ids.ts";
import type { Database, HostsTable, Store } from "../store/index.ts";
import { type KnownFacts, knownFacts } from "./host-facts.ts";
import { hashToken, makeToken, nameInToken } from "./host-token.ts";

/** A host as it is stored. What only matters live (link, metrics, conflict) is with the links. */
export interface HostRecord {
  id: HostId;
  name: string;
  platform: Platform;
  notes: string;
  addedAt: number;
  /** The name that its agent goes by; null before its first hello. */
  hostname: string | null;
  policy: HostPolicy | null;
  settings: HostSettings | null;
  /** Null: it has never been here. */
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
  /** `namedHost`: the host whose name stands in the token, though the token does not open its door. */
  | { ok: false; reason: string; namedHost: HostId | null };

/** Stores what is told of a change, for the audit trail, in the same transaction. */
export type Note = (trx: Transaction<Database>, host: { id: HostId; name: string }) => Promise<unknown>;

/** The records of hosts and their tokens. */
export interface Hosts {
  /** By name. */
  list(): Promise<HostRecord[]>;
  get(id: HostId): Promise<HostRecord | null>;
  /** By id, or by name whatever its case. */
  find(idOrName: string): Promise<HostRecord | null>;
  /** The token is given out here and nowhere else (R51). */
  add(
    host: { name: string; platform: Platform },
    note?: Note,
  ): Promise<{ ok: true; id: HostId; token: string } | { ok: false; code: "name-taken" }>;
  change(
    id: HostId,
    change: { name?: string | undefined; notes?: string | undefined },
    note?: Note,
  ): Promise<{ ok: true } | { ok: false; code: "name-taken" | "host-not-found" }>;
  /** Removes the host with its facts, token, runs and logs, and ends its link. False: there is none. */
  remove(id: HostId, note?: Note): Promise<boolean>;
  /** Replaces the token; the old one and its link end at once. Null: there is no such host. */
  rotateToken(id: HostId, note?: Note): Promise<string | null>;
  /** False: there was none. */
  revokeToken(id: HostId, note?: Note): Promise<boolean>;
  token(id: HostId): Promise<HostTokenRecord | null>;
  authenticate(token: string): Promise<Authentication>;
}

export interface HostsDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  ids: Ids;
  randomBytes: (count: number) => Uint8Array;
}

function toRecord(row: Selectable<HostsTable>, facts: KnownFacts): HostRecord {
  return {
    id: row.id as HostId,
    name: row.name,
    platform: row.platform as Platform,
    notes: row.notes,
    addedAt: row.added_at,
    hostname: row.hostname,
    policy: row.policy === null ? null : (JSON.parse(row.policy) as HostPolicy),
    settings: row.settings === null ? null : (JSON.parse(row.settings) as HostSettings),
    firstConnectedAt: row.first_connected_at,
    lastSeenAt: row.last_seen_at,
    facts,
  };
}

/** The facts without their times. */
export function factValues(facts: KnownFacts): Partial<Facts> {
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, fact.value])) as Partial<Facts>;
}

export function createHosts({ store, bus, clock, ids, randomBytes }: HostsDeps): Hosts {
  const one = async (column: "id" | "name_key", value: string): Promise<HostRecord | null> => {
    const row = await store.db.selectFrom("hosts").selectAll().where(column, "=", value).executeTakeFirst();
    if (row === undefined) return null;
    return toRecord(row, knownFacts(await store.db.selectFrom("host_facts").selectAll().where("host_id", "=", row.id).execute()));
  };

  /** Tells of a host by the name that it has now; of one that is not there nothing is told. */
  async function noteOf(trx: Transaction<Database>, id: HostId, note: Note | undefined): Promise<void> {
    if (note === undefined) return;
    const host = await trx.selectFrom("hosts").select("name").where("id", "=", id).executeTakeFirst();
    if (host !== undefined) await note(trx, { id, name: host.name });
  }

  return {
    async list() {
      const rows = await store.db.selectFrom("hosts").selectAll().orderBy("name_key").execute();
      const facts = Map.groupBy(await store.db.selectFrom("host_facts").selectAll().execute(), (fact) => fact.host_id);
      return rows.map((row) => toRecord(row, knownFacts(facts.get(row.id) ?? [])));
    },

    get: (id) => one("id", id),
    find: async (idOrName) => (await one("id", idOrName)) ?? (await one("name_key", idOrName.toLowerCase())),

    async add({ name, platform }, note) {
      const id = ids.host();
      const token = makeToken(name, randomBytes);
      const added = await store.write(async (trx) => {
        const taken = await trx.selectFrom("hosts").select("id").where("name_key", "=", name.toLowerCase()).executeTakeFirst();
        if (taken !== undefined) return false;
        await trx
          .insertInto("hosts")
          .values({ id, name, name_key: name.toLowerCase(), platform, notes: "", added_at: clock.now() })
          .execute();
        await trx
          .insertInto("host_tokens")
          .values({ host_id: id, hash: hashToken(token), created_at: clock.now() })
          .execute();
        await note?.(trx, { id, name });
        return true;
      });
      if (!added) return { ok: false, code: "name-taken" };
      bus.emit("host.changed", { hostId: id });
      return { ok: true, id, token };
    },

    async change(id, { name, notes }, note) {
      const result = await store.write(async (trx) => {
        if (name !== undefined) {
          const taken = await trx
            .selectFrom("hosts")
            .select("id")
            .where("name_key", "=", name.toLowerCase())
            .where("id", "!=", id)
            .executeTakeFirst();
          if (taken !== undefined) return "name-taken" as const;
        }
        const { numUpdatedRows } = await trx
          .updateTable("hosts")
          .set({
            // Something must be set: the notes as they are do no harm.
            notes: notes ?? ((eb) => eb.ref("notes")),
            ...(name === undefined ? {} : { name, name_key: name.toLowerCase() }),
          })
          .where("id", "=", id)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return "host-not-found" as const;
        await noteOf(trx, id, note);
        return null;
      });
      if (result !== null) return { ok: false, code: result };
      bus.emit("host.changed", { hostId: id });
      return { ok: true };
    },

    async remove(id, note) {
      const removed = await store.write(async (trx) => {
        await noteOf(trx, id, note);
        const { numDeletedRows } = await trx.deleteFrom("hosts").where("id", "=", id).executeTakeFirst();
        return numDeletedRows > 0n;
      });
      if (!removed) return false;
      bus.emit("host.removed", { hostId: id });
      return true;
    },

    async rotateToken(id, note) {
      const token = await store.write(async (trx) => {
        const host = await trx.selectFrom("hosts").select("name").where("id", "=", id).executeTakeFirst();
        if (host === undefined) return null;
        const fresh = makeToken(host.name, randomBytes);
        await trx.deleteFrom("host_tokens").where("host_id", "=", id).execute();
        await trx
          .insertInto("host_tokens")
          .values({ host_id: id, hash: hashToken(fresh), created_at: clock.now() })
          .execute();
        await note?.(trx, { id, name: host.name });
        return fresh;
      });
      if (token === null) return null;
      bus.emit("token.ended", { hostId: id });
      bus.emit("host.changed", { hostId: id });
      return token;
    },

    async revokeToken(id, note) {
      const revoked = await store.write(async (trx) => {
        const { numDeletedRows } = await trx.deleteFrom("host_tokens").where("host_id", "=", id).executeTakeFirst();
        if (numDeletedRows > 0n) await noteOf(trx, id, note);
        return numDeletedRows > 0n;
      });
      if (!revoked) return false;
      bus.emit("token.ended", { hostId: id });
      bus.emit("host.changed", { hostId: id });
      return true;
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
      if (row !== undefined) return { ok: true, hostId: row.host_id as HostId };
      const name = nameInToken(token);
      const named =
        name === null
          ? undefined
          : await store.db.selectFrom("hosts").select("id").where("name_key", "=", name.toLowerCase()).executeTakeFirst();
      return {
        ok: false,
        reason: name === null ? "This is not a host token." : "This token was replaced, revoked or mistyped.",
        namedHost: (named?.id as HostId | undefined) ?? null,
      };
    },
  };
}
