import type { Role } from "@nixfleet/protocol";
import { Role as RoleSchema } from "@nixfleet/protocol";
import type { Transaction } from "kysely";
import type { Audit } from "../audit/index.ts";
import type { Database, PeopleTable, Store } from "../store/index.ts";
import type { LoginLimits } from "./login-limits.ts";
import type { Passwords } from "./passwords.ts";
import type { Caller, Sessions, Whence } from "./sessions.ts";
import type { SetupLink } from "./setup-link.ts";

export type SignInResult =
  | { kind: "signed-in"; caller: Caller }
  | { kind: "wrong-credentials" }
  /** Seconds. */
  | { kind: "too-many-attempts"; retryAfter: number };

export type SetupResult =
  | { kind: "signed-in"; caller: Caller }
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
  /** Whether nobody can administer this dashboard yet. */
  setupNeeded(): Promise<boolean>;
  /** A new one-time token for the setup link, valid for an hour; null: there is an administrator. */
  issueSetupToken(): Promise<string | null>;
  /**
   * Makes the settings true: the declared administrator has this hash (another one than before ends the sessions); whom the
   * settings declare no more cannot sign in.
   */
  declareAdmin(declared: { name: string; hash: string } | null): Promise<void>;
  setup(request: { token: string; name: string; password: string }, whence: Whence): Promise<SetupResult>;
  signIn(request: { name: string; password: string }, whence: Whence): Promise<SignInResult>;
  signOut(caller: Caller, whence: Whence): Promise<void>;
  changePassword(caller: Caller, request: { current: string; next: string }, whence: Whence): Promise<PasswordResult>;
  /**
   * Whether who sits at this session knows its account's password: asked before an op that wants proof that it is them (R49).
   * `what` is what they want to do, as the audit trail tells it of a wrong one. Counts against the limits of the sign-in.
   */
  prove(caller: Caller, proof: { password: string }, what: string, whence: Whence): Promise<ProofResult>;
  /** Ends a session of the caller's own; false: there is none of this id. */
  endSession(caller: Caller, sessionId: string, whence: Whence): Promise<boolean>;
  readonly sessions: Pick<Sessions, "find" | "list" | "sweep">;
}

export interface PeopleDeps {
  readonly store: Store;
  readonly audit: Audit;
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly limits: LoginLimits;
  readonly setupLink: SetupLink;
  now(): number;
  randomBytes(size: number): Buffer;
}

/** Seconds to wait while too many passwords are being hashed. */
const BUSY = 2;

/** The people of this dashboard: who they are, how they come in, what they may do. */
export function createPeople(deps: PeopleDeps): People {
  const { store, audit, sessions, passwords, limits, setupLink, now, randomBytes } = deps;

  async function usableAdmin(trx: Transaction<Database> | Store["db"]): Promise<boolean> {
    const row = await trx
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

  /** Writes a person whose name may be taken by one that can no longer sign in. */
  async function putPerson(trx: Transaction<Database>, name: string, hash: string, declared: boolean): Promise<PeopleTable> {
    const values = { name, role: "admin", password_hash: hash, declared: declared ? 1 : 0 };
    return trx
      .insertInto("people")
      .values({ id: randomBytes(16).toString("base64url"), name_key: keyOf(name), created_at: now(), ...values })
      .onConflict((conflict) => conflict.column("name_key").doUpdateSet(values))
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  async function failed(action: string, who: string, sentence: string, whence: Whence): Promise<void> {
    await audit.record({ who, action, sentence, from: whence.address, outcome: "failed" });
  }

  async function signInAs(person: PeopleTable, action: string, sentence: string, whence: Whence, stillRight: StillRight) {
    const done = await store.write(async (trx) => {
      if (!(await stillRight(trx))) return null;
      const begun = await sessions.begin(trx, { id: person.id, name: person.name, role: RoleSchema.parse(person.role) }, whence);
      const seq = await audit.append(trx, { who: person.name, action, sentence, from: whence.address, outcome: "done" });
      return { ...begun, seq };
    });
    if (done === null) return null;
    sessions.said(done.ended);
    audit.said(done.seq);
    return done.caller;
  }

  return {
    sessions,
    setupNeeded: async () => !(await usableAdmin(store.db)),
    issueSetupToken: async () => ((await usableAdmin(store.db)) ? null : setupLink.issue()),

    async declareAdmin(declared) {
      const gone = await store.write(async (trx) => {
        const before = await trx.selectFrom("people").selectAll().where("declared", "=", 1).execute();
        const ended: string[] = [];
        for (const person of before) {
          if (declared !== null && person.name_key === keyOf(declared.name)) continue;
          ended.push(...(await sessions.end(trx, person.id, { allBut: null })));
          await trx.updateTable("people").set({ password_hash: null }).where("id", "=", person.id).execute();
        }
        if (declared === null) return ended;
        const same = await trx.selectFrom("people").selectAll().where("name_key", "=", keyOf(declared.name)).executeTakeFirst();
        const person = await putPerson(trx, declared.name, declared.hash, true);
        if (same !== undefined && same.password_hash !== declared.hash) {
          ended.push(...(await sessions.end(trx, person.id, { allBut: null })));
        }
        return ended;
      });
      sessions.said(gone);
    },

    async setup({ token, name, password }, whence) {
      const attempt = limits.begin("", whence.address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      if (await usableAdmin(store.db)) {
        attempt.succeeded();
        return { kind: "already-set-up" };
      }
      if (!setupLink.fits(token)) {
        await failed("dashboard.setup", "nobody", "Somebody opened a wrong or expired setup link.", whence);
        return { kind: "setup-link-invalid" };
      }
      const hash = await passwords.hash(password);
      if (hash === null) return { kind: "too-many-attempts", retryAfter: BUSY };
      const made = await store.write(async (trx) => {
        // Of two who hold the link and send it at once, one becomes the administrator.
        if ((await usableAdmin(trx)) || !setupLink.fits(token)) return null;
        const person = await putPerson(trx, name, hash, false);
        const begun = await sessions.begin(trx, { id: person.id, name, role: "admin" }, whence);
        const sentence = `${name} became the administrator by the setup link.`;
        const seq = await audit.append(trx, {
          who: name,
          action: "dashboard.setup",
          sentence,
          from: whence.address,
          outcome: "done",
        });
        return { ...begun, seq };
      });
      if (made === null) return { kind: "already-set-up" };
      setupLink.use();
      attempt.succeeded();
      sessions.said(made.ended);
      audit.said(made.seq);
      return { kind: "signed-in", caller: made.caller };
    },

    async signIn({ name, password }, whence) {
      const attempt = limits.begin(name, whence.address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      const person = await findByName(name);
      const hash = person?.password_hash ?? null;
      const right = await passwords.verify(password, hash);
      if (right === null) return { kind: "too-many-attempts", retryAfter: BUSY };
      if (!right || person === undefined || hash === null) {
        // What was typed as an unknown name is not told: it may be a password.
        if (person === undefined)
          await failed("session.start", "unknown", "Somebody tried to sign in with a name that is not known.", whence);
        else await failed("session.start", person.name, `Somebody tried to sign in as ${person.name} and was refused.`, whence);
        return { kind: "wrong-credentials" };
      }
      attempt.succeeded();
      // Hashed anew where the cost has been raised since; what the settings declare is theirs.
      const renewed = person.declared === 0 && !passwords.isCurrent(hash) ? await passwords.hash(password) : null;
      const caller = await signInAs(person, "session.start", `${person.name} signed in.`, whence, async (trx) => {
        const stored = await trx.selectFrom("people").select("password_hash").where("id", "=", person.id).executeTakeFirst();
        if (stored?.password_hash !== hash) return false;
        if (renewed !== null)
          await trx.updateTable("people").set({ password_hash: renewed }).where("id", "=", person.id).execute();
        return true;
      });
      return caller === null ? { kind: "wrong-credentials" } : { kind: "signed-in", caller };
    },

    async signOut(caller, whence) {
      const { ended, seq } = await store.write(async (trx) => ({
        ended: await sessions.end(trx, caller.personId, { only: caller.sessionId }),
        seq: await audit.append(trx, {
          who: caller.name,
          action: "session.end",
          sentence: `${caller.name} signed out.`,
          from: whence.address,
          outcome: "done",
        }),
      }));
      sessions.said(ended);
      audit.said(seq);
    },

    async changePassword(caller, { current, next }, whence) {
      const attempt = limits.begin(caller.name, whence.address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      const person = await store.db.selectFrom("people").selectAll().where("id", "=", caller.personId).executeTakeFirstOrThrow();
      const right = await passwords.verify(current, person.password_hash);
      if (right === null) return { kind: "too-many-attempts", retryAfter: BUSY };
      if (!right) {
        await failed("password.change", caller.name, `${caller.name} gave a wrong password to change it.`, whence);
        return { kind: "wrong-credentials" };
      }
      attempt.succeeded();
      if (person.declared === 1) return { kind: "password-declared" };
      const hash = await passwords.hash(next);
      if (hash === null) return { kind: "too-many-attempts", retryAfter: BUSY };
      const changed = await store.write(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable("people")
          .set({ password_hash: hash })
          .where("id", "=", person.id)
          .where("password_hash", "=", person.password_hash)
          .executeTakeFirst();
        if (numUpdatedRows !== 1n) return null;
        const ended = await sessions.end(trx, person.id, { allBut: caller.sessionId });
        const sentence = `${caller.name} changed the password; ${ended.length} other ${ended.length === 1 ? "session" : "sessions"} ended.`;
        const seq = await audit.append(trx, {
          who: caller.name,
          action: "password.change",
          sentence,
          from: whence.address,
          outcome: "done",
        });
        return { ended, seq };
      });
      if (changed === null) return { kind: "wrong-credentials" };
      sessions.said(changed.ended);
      audit.said(changed.seq);
      return { kind: "changed" };
    },

    async prove(caller, { password }, what, whence) {
      const attempt = limits.begin(caller.name, whence.address);
      if (!attempt.ok) return { kind: "too-many-attempts", retryAfter: attempt.retryAfter };
      const person = await store.db
        .selectFrom("people")
        .select("password_hash")
        .where("id", "=", caller.personId)
        .executeTakeFirst();
      const right = await passwords.verify(password, person?.password_hash ?? null);
      if (right === null) return { kind: "too-many-attempts", retryAfter: BUSY };
      if (!right) {
        await failed("proof.give", caller.name, `${caller.name} gave a wrong password to ${what}.`, whence);
        return { kind: "wrong" };
      }
      attempt.succeeded();
      return { kind: "proven" };
    },

    async endSession(caller, sessionId, whence) {
      const { ended, seq } = await store.write(async (trx) => {
        const found = await sessions.end(trx, caller.personId, { only: sessionId });
        if (found.length === 0) return { ended: found, seq: null };
        const sentence = `${caller.name} ended one of the own sessions.`;
        const fact = { who: caller.name, action: "session.end", sentence, from: whence.address, outcome: "done" } as const;
        return { ended: found, seq: await audit.append(trx, fact) };
      });
      sessions.said(ended);
      if (seq !== null) audit.said(seq);
      return ended.length > 0;
    },
  };
}

type StillRight = (trx: Transaction<Database>) => Promise<boolean>;

/** Two people never differ by case, white space or the way an accent is encoded alone. */
function keyOf(name: string): string {
  return name.trim().normalize("NFKC").toLowerCase();
}
