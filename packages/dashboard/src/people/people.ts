import type { Role } from "@nixfleet/protocol";
import { Role as RoleSchema } from "@nixfleet/protocol";
import type { Transaction } from "kysely";
import { type ActorRef, actorRef, type PersonActor } from "../actor.ts";
import type { Change, Database, PeopleTable, Reader, Store } from "../store/index.ts";
import type { LoginLimits } from "./login-limits.ts";
import type { Passwords } from "./passwords.ts";
import { actorOf, type RequestOrigin, type SessionPrincipal } from "./principal.ts";
import type { Sessions } from "./sessions.ts";
import type { SetupLink } from "./setup-link.ts";

export type SignInResult =
  | { kind: "signed-in"; session: SessionPrincipal }
  | { kind: "wrong-credentials" }
  /** Seconds. */
  | { kind: "too-many-attempts"; retryAfter: number };

export type SetupResult =
  | { kind: "signed-in"; session: SessionPrincipal }
  | { kind: "setup-link-invalid" }
  | { kind: "already-set-up" }
  | { kind: "too-many-attempts"; retryAfter: number };

export type PasswordResult =
  | { kind: "changed" }
  | { kind: "wrong-credentials" }
  | { kind: "password-declared" }
  | { kind: "too-many-attempts"; retryAfter: number };

export type ProofResult =
  | { kind: "proven" }
  | { kind: "wrong" }
  /** Seconds. */
  | { kind: "too-many-attempts"; retryAfter: number };

export interface People {
  /** Whether there is no administrator yet. */
  setupNeeded(): Promise<boolean>;
  /** A new one-time token for the setup link, valid for an hour; null: there is an administrator. */
  issueSetupToken(): Promise<string | null>;
  /**
   * Applies the settings: sets the hash of the declared administrator (a new hash ends the sessions). A person who is no longer
   * declared cannot sign in.
   */
  declareAdmin(declared: { name: string; hash: string } | null): Promise<void>;
  setup(request: { token: string; name: string; password: string }, origin: RequestOrigin): Promise<SetupResult>;
  signIn(request: { name: string; password: string }, origin: RequestOrigin): Promise<SignInResult>;
  signOut(session: SessionPrincipal, origin: RequestOrigin): Promise<void>;
  changePassword(
    session: SessionPrincipal,
    request: { current: string; next: string },
    origin: RequestOrigin,
  ): Promise<PasswordResult>;
  /**
   * Whether the person's proof is correct; checked before an op that requires one (R49). `purpose` is used in the audit entry of
   * a wrong proof: “start …”. Counts against the sign-in limits.
   */
  prove(person: PersonActor, purpose: string): Promise<ProofResult>;
  /** Ends a session of the same person; false: not found. */
  endSession(session: SessionPrincipal, sessionId: string, origin: RequestOrigin): Promise<boolean>;
  readonly sessions: Pick<Sessions, "find" | "list" | "sweep">;
}

export interface PeopleDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly limits: LoginLimits;
  readonly setupLink: SetupLink;
  now(): number;
  randomBytes(size: number): Buffer;
}

/** Seconds to wait while too many passwords are being hashed. */
const BUSY_RETRY_AFTER = 2;

/** The people of this dashboard: accounts, sign-in, sessions and roles. */
export function createPeople(deps: PeopleDeps): People {
  const { store, sessions, passwords, limits, setupLink, now, randomBytes } = deps;

  async function usableAdmin(db: Transaction<Database> | Reader): Promise<boolean> {
    const row = await db
      .selectFrom("people")
      .select("id")
      .where("role", "=", "admin" satisfies Role)
      .where("password_hash", "is not", null)
      .executeTakeFirst();
    return row !== undefined;
  }

  function findByName(name: string): Promise<PeopleTable | undefined> {
    return store.db.selectFrom("people").selectAll().where("name_key", "=", keyOf(name)).executeTakeFirst();
  }

  /** Writes a person, replacing one of the same name who can no longer sign in. */
  async function putPerson(trx: Transaction<Database>, name: string, hash: string, declared: boolean): Promise<PeopleTable> {
    const values = { name, role: "admin", password_hash: hash, declared: declared ? 1 : 0 };
    return trx
      .insertInto("people")
      .values({ id: randomBytes(16).toString("base64url"), name_key: keyOf(name), created_at: now(), ...values })
      .onConflict((conflict) => conflict.column("name_key").doUpdateSet(values))
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** Whether what is stored says the same of the declared administrator as the settings. */
  async function isDeclared(db: Reader, declared: { name: string; hash: string } | null): Promise<boolean> {
    const stored = await db.selectFrom("people").select(["name", "role", "password_hash"]).where("declared", "=", 1).execute();
    const usable = stored.filter((person) => person.password_hash !== null);
    if (declared === null) return usable.length === 0;
    const [person] = usable;
    if (usable.length !== 1 || person === undefined) return false;
    return person.name === declared.name && person.role === "admin" && person.password_hash === declared.hash;
  }

  /** Records a failed attempt. `person` null: not identified. */
  async function recordFailure(
    person: Pick<PeopleTable, "id" | "name"> | null,
    action: string,
    sentence: string,
    { address }: Pick<RequestOrigin, "address">,
  ): Promise<void> {
    const actor = person === null ? UNKNOWN : personRef(person);
    await store.change(async (change) => change.audit({ actor, action, sentence, from: address, outcome: "failed" }));
  }

  const auditDone = (change: Change, actor: ActorRef, action: string, sentence: string, origin: RequestOrigin) =>
    change.audit({ actor, action, sentence, from: origin.address, outcome: "done" });

  return {
    sessions,
    setupNeeded: async () => !(await usableAdmin(store.db)),
    issueSetupToken: async () => ((await usableAdmin(store.db)) ? null : setupLink.issue()),

    async declareAdmin(declared) {
      // Nothing is written where nothing differs: a dashboard starts although nothing can be stored.
      if (await isDeclared(store.db, declared)) return;
      await store.change(async (change) => {
        const before = await change.db.selectFrom("people").selectAll().where("declared", "=", 1).execute();
        for (const person of before) {
          if (declared !== null && person.name_key === keyOf(declared.name)) continue;
          await sessions.end(change, person.id, { allBut: null });
          await change.db.updateTable("people").set({ password_hash: null }).where("id", "=", person.id).execute();
        }
        if (declared === null) return;
        const same = await change.db
          .selectFrom("people")
          .selectAll()
          .where("name_key", "=", keyOf(declared.name))
          .executeTakeFirst();
        const person = await putPerson(change.db, declared.name, declared.hash, true);
        if (same !== undefined && same.password_hash !== declared.hash) {
          await sessions.end(change, person.id, { allBut: null });
        }
      });
    },

    async setup({ token, name, password }, origin) {
      // The token cannot be guessed, so a valid one is never delayed. Attempts without it are counted by address only.
      if (!setupLink.isValid(token)) {
        const attempt = limits.begin(null, origin.address);
        if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
        if (await usableAdmin(store.db)) {
          attempt.succeeded();
          return { kind: "already-set-up" };
        }
        await recordFailure(null, "dashboard.setup", "Somebody opened a wrong or expired setup link.", origin);
        return { kind: "setup-link-invalid" };
      }
      const hash = await passwords.hash(password);
      if (hash === null) return { kind: "too-many-attempts", retryAfter: BUSY_RETRY_AFTER };
      const session = await store.change(async (change) => {
        // If two people use the link at once, one becomes the administrator.
        if ((await usableAdmin(change.db)) || !setupLink.isValid(token)) return null;
        const person = await putPerson(change.db, name, hash, false);
        auditDone(change, personRef(person), "dashboard.setup", `${name} became the administrator with the setup link.`, origin);
        change.afterCommit(() => setupLink.use());
        return await sessions.begin(change, { id: person.id, name, role: "admin" }, origin);
      });
      return session === null ? { kind: "already-set-up" } : { kind: "signed-in", session };
    },

    async signIn({ name, password }, origin) {
      const attempt = limits.begin(name, origin.address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      const person = await findByName(name);
      const hash = person?.password_hash ?? null;
      const isCorrect = await passwords.verify(password, hash, attempt.known ? "known" : "unknown");
      if (isCorrect === null) {
        attempt.withdrawn();
        return { kind: "too-many-attempts", retryAfter: BUSY_RETRY_AFTER };
      }
      if (!isCorrect || person === undefined || hash === null) {
        // Do not record an unknown name: it may be a password typed by mistake.
        if (person === undefined)
          await recordFailure(null, "session.start", "Somebody tried to sign in with an unknown name.", origin);
        else await recordFailure(person, "session.start", `Somebody tried to sign in as ${person.name} and was refused.`, origin);
        return { kind: "wrong-credentials" };
      }
      attempt.succeeded();
      // Hash again if the cost was raised since; a declared hash is left alone.
      const newHash = person.declared === 0 && !passwords.isCurrent(hash) ? await passwords.hash(password) : null;
      const session = await store.change(async (change) => {
        const stored = await change.db
          .selectFrom("people")
          .select("password_hash")
          .where("id", "=", person.id)
          .executeTakeFirst();
        if (stored?.password_hash !== hash) return null;
        if (newHash !== null)
          await change.db.updateTable("people").set({ password_hash: newHash }).where("id", "=", person.id).execute();
        auditDone(change, personRef(person), "session.start", `${person.name} signed in.`, origin);
        return await sessions.begin(change, { id: person.id, name: person.name, role: RoleSchema.parse(person.role) }, origin);
      });
      return session === null ? { kind: "wrong-credentials" } : { kind: "signed-in", session };
    },

    async signOut(session, origin) {
      await store.change(async (change) => {
        await sessions.end(change, session.personId, { only: session.sessionId });
        auditDone(change, actorRef(actorOf(session, origin)), "session.end", `${session.name} signed out.`, origin);
      });
    },

    async changePassword(session, { current, next }, origin) {
      const attempt = limits.begin(session.name, origin.address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      const person = await store.db.selectFrom("people").selectAll().where("id", "=", session.personId).executeTakeFirstOrThrow();
      const isCorrect = await passwords.verify(current, person.password_hash, "known");
      if (isCorrect === null) {
        attempt.withdrawn();
        return { kind: "too-many-attempts", retryAfter: BUSY_RETRY_AFTER };
      }
      if (!isCorrect) {
        await recordFailure(
          person,
          "password.change",
          `${session.name} entered a wrong password to change the password.`,
          origin,
        );
        return { kind: "wrong-credentials" };
      }
      attempt.succeeded();
      if (person.declared === 1) return { kind: "password-declared" };
      const hash = await passwords.hash(next);
      if (hash === null) return { kind: "too-many-attempts", retryAfter: BUSY_RETRY_AFTER };
      const changed = await store.change(async (change) => {
        const { numUpdatedRows } = await change.db
          .updateTable("people")
          .set({ password_hash: hash })
          .where("id", "=", person.id)
          .where("password_hash", "=", person.password_hash)
          .executeTakeFirst();
        if (numUpdatedRows !== 1n) return false;
        const ended = await sessions.end(change, person.id, { allBut: session.sessionId });
        const others = `${ended} other ${ended === 1 ? "session" : "sessions"} ended`;
        auditDone(change, personRef(person), "password.change", `${session.name} changed the password; ${others}.`, origin);
        return true;
      });
      return changed ? { kind: "changed" } : { kind: "wrong-credentials" };
    },

    async prove({ id, name, proof, address }, purpose) {
      if (proof === null) return { kind: "wrong" };
      const attempt = limits.begin(name, address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      const person = await store.db.selectFrom("people").select("password_hash").where("id", "=", id).executeTakeFirst();
      const isCorrect = await passwords.verify(proof.password(), person?.password_hash ?? null, "known");
      if (isCorrect === null) {
        attempt.withdrawn();
        return { kind: "too-many-attempts", retryAfter: BUSY_RETRY_AFTER };
      }
      if (!isCorrect) {
        await recordFailure({ id, name }, "proof.give", `${name} entered a wrong password to ${purpose}.`, { address });
        return { kind: "wrong" };
      }
      attempt.succeeded();
      return { kind: "proven" };
    },

    async endSession(session, sessionId, origin) {
      return await store.change(async (change) => {
        const ended = await sessions.end(change, session.personId, { only: sessionId });
        if (ended === 0) return false;
        auditDone(
          change,
          actorRef(actorOf(session, origin)),
          "session.end",
          `${session.name} ended another of their sessions.`,
          origin,
        );
        return true;
      });
    },
  };
}

const UNKNOWN: ActorRef = { kind: "unknown", id: null, name: "unknown" };

function personRef({ id, name }: { id: string; name: string }): ActorRef {
  return { kind: "person", id, name };
}

/** Names that differ only by case, white space or the encoding of accents are equal. */
function keyOf(name: string): string {
  return name.trim().normalize("NFKC").toLowerCase();
}
