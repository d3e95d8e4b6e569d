import { createHash } from "node:crypto";
import { type Role, Role as RoleSchema, type SessionListing, shorten } from "@nixfleet/protocol";
import type { Logger } from "../logger.ts";
import type { Change, Store } from "../store/index.ts";
import type { RequestOrigin, SessionPrincipal } from "./principal.ts";
import { createSessionKey } from "./session-key.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
/** A session ends after this long without a request … */
export const SESSION_IDLE_TIMEOUT = 7 * day;
/** … and after this long in any case. */
export const SESSION_MAX_AGE = 30 * day;
/** A session's last use is written once in this time, not with every request (R43). */
const TOUCH_INTERVAL = minute;
/** Per person; a new session ends the least recently used one. */
const MAX_SESSIONS = 50;

export interface Sessions {
  /** Creates a session; only a hash of its secret is stored. The least recently used sessions make room. */
  begin(change: Change, person: Person, origin: RequestOrigin): Promise<SessionPrincipal>;
  /** The session of a cookie; null: unknown or ended. */
  find(secret: string): Promise<SessionPrincipal | null>;
  list(session: SessionPrincipal): Promise<SessionListing[]>;
  /** Ends sessions of a person: this one, or all but that one. Gives how many ended. */
  end(change: Change, personId: string, which: { only: string } | { allBut: string | null }): Promise<number>;
  /** Ends expired sessions. */
  sweep(): Promise<void>;
}

interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

export interface SessionsDeps {
  readonly store: Store;
  readonly log: Logger;
  now(): number;
  randomBytes(size: number): Buffer;
}

/** Sessions of people: 256 random bits in a cookie, their SHA-256 in the database (R53). */
export function createSessions({ store, log, now, randomBytes }: SessionsDeps): Sessions {
  async function remove(change: Change, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await change.db.deleteFrom("sessions").where("id", "in", ids).execute();
    for (const sessionId of ids) change.emit("session.ended", { sessionId });
  }

  const principal = ({ id: personId, name, role }: Person, sessionId: string, secret: string): SessionPrincipal => ({
    kind: "session",
    personId,
    name,
    role,
    sessionId,
    key: createSessionKey(secret, SESSION_MAX_AGE, randomBytes),
  });

  async function touch(id: string, createdAt: number): Promise<void> {
    const at = now();
    const times = { last_seen_at: at, expires_at: Math.min(at + SESSION_IDLE_TIMEOUT, createdAt + SESSION_MAX_AGE) };
    try {
      await store.change(({ db }) => db.updateTable("sessions").set(times).where("id", "=", id).execute());
    } catch (error) {
      // With a full disk people must still be able to use the page; the session only ends earlier.
      log.warn({ err: error }, "The last use of a session could not be stored");
    }
  }

  return {
    async begin(change, person, { address, agent }) {
      const secret = randomBytes(32).toString("base64url");
      const id = randomBytes(16).toString("base64url");
      const at = now();
      const others = await change.db
        .selectFrom("sessions")
        .select("id")
        .where("person_id", "=", person.id)
        .orderBy("last_seen_at", "desc")
        .execute();
      await remove(
        change,
        others.slice(MAX_SESSIONS - 1).map((row) => row.id),
      );
      await change.db
        .insertInto("sessions")
        .values({
          id,
          hash: digest(secret),
          person_id: person.id,
          created_at: at,
          last_seen_at: at,
          expires_at: at + SESSION_IDLE_TIMEOUT,
          address,
          agent: printable(agent),
        })
        .execute();
      return principal(person, id, secret);
    },

    async find(secret) {
      // Reject anything of another length before hashing it.
      if (!/^[A-Za-z0-9_-]{43}$/.test(secret)) return null;
      const row = await store.db
        .selectFrom("sessions")
        .innerJoin("people", "people.id", "sessions.person_id")
        .select(["sessions.id", "sessions.created_at", "sessions.last_seen_at", "sessions.expires_at"])
        .select(["people.id as person_id", "people.name", "people.role"])
        .where("sessions.hash", "=", digest(secret))
        .executeTakeFirst();
      if (row === undefined || now() >= row.expires_at) return null;
      if (now() - row.last_seen_at >= TOUCH_INTERVAL) await touch(row.id, row.created_at);
      const person = { id: row.person_id, name: row.name, role: RoleSchema.parse(row.role) };
      return principal(person, row.id, secret);
    },

    async list(session) {
      const rows = await store.db
        .selectFrom("sessions")
        .select(["id", "created_at", "last_seen_at", "address", "agent"])
        .where("person_id", "=", session.personId)
        .where("expires_at", ">", now())
        .orderBy("last_seen_at", "desc")
        .execute();
      return rows.map((row) => ({
        id: row.id,
        createdAt: row.created_at,
        lastSeenAt: row.last_seen_at,
        address: row.address,
        agent: row.agent,
        current: row.id === session.sessionId,
      }));
    },

    async end(change, personId, which) {
      const rows = await change.db.selectFrom("sessions").select("id").where("person_id", "=", personId).execute();
      const ended = rows.map((row) => row.id).filter((id) => ("only" in which ? id === which.only : id !== which.allBut));
      await remove(change, ended);
      return ended.length;
    },

    async sweep() {
      await store.change(async (change) => {
        const ended = await change.db.selectFrom("sessions").select("id").where("expires_at", "<=", now()).limit(500).execute();
        await remove(
          change,
          ended.map((row) => row.id),
        );
      });
    },
  };
}

function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function printable(agent: string): string {
  return shorten(agent.replace(/[^\x20-\x7e]/g, "?"), 200);
}
