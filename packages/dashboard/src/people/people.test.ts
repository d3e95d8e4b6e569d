import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { afterEach, expect, test } from "vitest";
import type { PersonActor } from "../actor.ts";
import { createAudit } from "../audit/index.ts";
import type { Logger } from "../logger.ts";
import { openTestStore } from "../store/store.fixture.ts";
import { hashPassword, openPeople, proofOf, type RequestOrigin, readSessionCookie, type SessionPrincipal } from "./index.ts";
import { createPasswords, type Passwords } from "./passwords.ts";
import { SESSION_IDLE_TIMEOUT, SESSION_MAX_AGE } from "./sessions.ts";

const cost = { memory: 64, passes: 1, parallelism: 1 };
const day = 24 * 3_600_000;
const from: RequestOrigin = { address: "192.0.2.1", agent: "Firefox" };
const cleanups: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(passwords?: Passwords) {
  const folder = await createTempDir();
  cleanups.push(() => folder[Symbol.asyncDispose]());
  const lines: string[] = [];
  const write = (facts: unknown, text?: string) => void lines.push(`${JSON.stringify(facts)} ${text ?? ""}`);
  const log = { debug: write, info: write, warn: write, error: write } as unknown as Logger;
  const clock = createFakeClock();
  const { store, bus } = await openTestStore({ path: join(folder.path, "db"), clock, log });
  cleanups.push(() => store.close());
  const ended: string[] = [];
  bus.on("session.ended", ({ sessionId }) => void ended.push(sessionId), { owner: "test" });
  const audit = createAudit({ store });
  const people = openPeople({ store, log, now: () => clock.now(), randomBytes, cost, passwords });
  return { people, clock, store, audit, ended, lines, folder: folder.path };
}

/** The value of a session's cookie, as the browser has it. */
function secretOf({ key }: SessionPrincipal): string {
  return readSessionCookie(key.cookie(false), false) ?? "";
}

function personOf({ personId: id, name, role }: SessionPrincipal): Omit<PersonActor, "proof"> {
  return { kind: "person", id, name, role, address: from.address };
}

async function withAdmin(password = "correct horse battery", passwords?: Passwords) {
  const parts = await open(passwords);
  const token = await parts.people.issueSetupToken();
  const made = await parts.people.setup({ token: token ?? "", name: "Alice", password }, from);
  if (made.kind !== "signed-in") throw new Error(made.kind);
  return { ...parts, session: made.session, token: token ?? "" };
}

test("the setup link makes one administrator, once, and is worth nothing afterwards", async () => {
  const { people, token, session } = await withAdmin();
  expect(session).toMatchObject({ name: "Alice", role: "admin" });
  expect(await people.setupNeeded()).toBe(false);
  expect(await people.issueSetupToken()).toBe(null);
  const again = { token, name: "Mallory", password: "correct horse battery" };
  expect(await people.setup(again, from)).toEqual({ kind: "already-set-up" });
});

test("a setup link is refused when it is wrong, older than an hour, or replaced by a newer one", async () => {
  const { people, clock } = await open();
  const request = (token: string) => ({ token, name: "Alice", password: "correct horse battery" });
  const first = (await people.issueSetupToken()) ?? "";
  expect(await people.setup(request("wrong"), from)).toEqual({ kind: "setup-link-invalid" });
  clock.advance(3_600_000);
  expect(await people.setup(request(first), from)).toEqual({ kind: "setup-link-invalid" });
  const second = (await people.issueSetupToken()) ?? "";
  const third = (await people.issueSetupToken()) ?? "";
  expect(await people.setup(request(second), from)).toEqual({ kind: "setup-link-invalid" });
  expect(await people.setup(request(third), from)).toMatchObject({ kind: "signed-in" });
});

test("of two who send the setup link at once, one becomes the administrator", async () => {
  const { people } = await open();
  const token = (await people.issueSetupToken()) ?? "";
  const request = (name: string) => people.setup({ token, name, password: "correct horse battery" }, from);
  const kinds = (await Promise.all([request("Alice"), request("Bob")])).map((result) => result.kind);
  expect(kinds.sort()).toEqual(["already-set-up", "signed-in"]);
});

test("setup cannot be kept from its owner: wrong links, also from the owner's own address, do not make the right one wait", async () => {
  const { people } = await open();
  const token = (await people.issueSetupToken()) ?? "";
  const attempt = (given: string, origin: RequestOrigin) =>
    people.setup({ token: given, name: "Alice", password: "correct horse battery" }, origin);
  const kinds = new Set<string>();
  for (let time = 0; time < 50; time++) {
    kinds.add((await attempt("wrong", from)).kind);
    kinds.add((await attempt("wrong", { ...from, address: `203.0.113.${time}` })).kind);
  }
  expect(kinds).toEqual(new Set(["setup-link-invalid", "too-many-attempts"]));
  expect(await attempt(token, from)).toMatchObject({ kind: "signed-in" });
});

test("signing in takes the name in any case, and the right password only", async () => {
  const { people } = await withAdmin();
  const signIn = (name: string, password: string) => people.signIn({ name, password }, from);
  expect(await signIn(" aLICE ", "correct horse battery")).toMatchObject({ kind: "signed-in", session: { name: "Alice" } });
  expect(await signIn("Alice", "correct horse batterz")).toEqual({ kind: "wrong-credentials" });
  expect(await signIn("Bob", "correct horse battery")).toEqual({ kind: "wrong-credentials" });
});

test("an unknown name costs the same work as a known one", async () => {
  const passwords = createPasswords({ randomBytes, cost });
  const known = await hashPassword("correct horse battery", randomBytes, cost);
  const costOf = (hash: string) => hash.split("$").slice(1, 4).join("$");
  expect(costOf(passwords.decoy)).toBe(costOf(known));
  expect(await passwords.verify("correct horse battery", null, "unknown")).toBe(false);
  expect(await passwords.verify("correct horse battery", known, "unknown")).toBe(true);
});

test("a flood of sign-ins is turned away beyond the few that may wait", async () => {
  const passwords = createPasswords({ randomBytes, cost, parallel: 1, waiting: 2 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => passwords.verify("x", null, "unknown")));
  expect(answers.filter((answer) => answer === null)).toHaveLength(7);
  expect(await passwords.verify("x", null, "unknown")).toBe(false);
});

test("R52: guessing is slowed down per account and per address, and audited without what was typed as an unknown name", async () => {
  const { people, audit } = await withAdmin();
  const wrong = () => people.signIn({ name: "Alice", password: "wrong" }, { ...from, address: "203.0.113.9" });
  for (let i = 0; i < 5; i++) expect(await wrong()).toEqual({ kind: "wrong-credentials" });
  expect(await wrong()).toEqual({ kind: "too-many-attempts", retryAfter: 1 });
  await people.signIn({ name: "hunter2 typed as a name", password: "x" }, from);
  const { items } = await audit.list({ action: "session" }, 50, null);
  expect(items.filter((entry) => entry.outcome === "failed")).toHaveLength(6);
  expect(items[0]).toMatchObject({ who: "unknown", from: "192.0.2.1", outcome: "failed" });
  expect(JSON.stringify(items)).not.toContain("hunter2");
});

test("R53: a session ends after 7 days without use, and after 30 in any case", async () => {
  const { people, clock, session } = await withAdmin();
  clock.advance(SESSION_IDLE_TIMEOUT - 1);
  expect(await people.sessions.find(secretOf(session))).toMatchObject({ name: "Alice" });
  for (let at = SESSION_IDLE_TIMEOUT - 1; at + 6 * day < SESSION_MAX_AGE; at += 6 * day) {
    clock.advance(6 * day);
    expect(await people.sessions.find(secretOf(session))).toMatchObject({ name: "Alice" });
  }
  clock.advance(6 * day);
  expect(await people.sessions.find(secretOf(session))).toBe(null);

  const idle = await people.signIn({ name: "Alice", password: "correct horse battery" }, from);
  clock.advance(SESSION_IDLE_TIMEOUT);
  expect(idle.kind === "signed-in" && (await people.sessions.find(secretOf(idle.session)))).toBe(null);
});

test("R53: sessions whose time is over are removed, and said to have ended", async () => {
  const { people, clock, session, store, ended } = await withAdmin();
  clock.advance(SESSION_IDLE_TIMEOUT);
  await people.sessions.sweep();
  expect(ended).toEqual([session.sessionId]);
  expect(await store.db.selectFrom("sessions").selectAll().execute()).toEqual([]);
});

test("R53: one's sessions are listed with address, browser and last use, and each can be ended", async () => {
  const { people, clock, session, ended } = await withAdmin();
  const other = await people.signIn(
    { name: "Alice", password: "correct horse battery" },
    { address: "203.0.113.5", agent: "Safari\u001b[2J" },
  );
  if (other.kind !== "signed-in") throw new Error(other.kind);
  clock.advance(60_000);
  await people.sessions.find(secretOf(session));
  expect(await people.sessions.list(session)).toMatchObject([
    { id: session.sessionId, current: true, address: "192.0.2.1", agent: "Firefox", lastSeenAt: clock.now() },
    {
      id: other.session.sessionId,
      current: false,
      address: "203.0.113.5",
      agent: "Safari?[2J",
      lastSeenAt: clock.now() - 60_000,
    },
  ]);
  expect(await people.endSession(session, other.session.sessionId, from)).toBe(true);
  expect(await people.endSession(session, other.session.sessionId, from)).toBe(false);
  expect(await people.sessions.find(secretOf(other.session))).toBe(null);
  expect(ended).toEqual([other.session.sessionId]);
});

test("R53: changing the password needs the old one, ends the other sessions and keeps this one", async () => {
  const { people, session, ended } = await withAdmin();
  const other = await people.signIn({ name: "Alice", password: "correct horse battery" }, from);
  if (other.kind !== "signed-in") throw new Error(other.kind);
  const change = (current: string) => people.changePassword(session, { current, next: "a quite different one" }, from);
  expect(await change("wrong")).toEqual({ kind: "wrong-credentials" });
  expect(await people.sessions.find(secretOf(other.session))).not.toBe(null);
  expect(await change("correct horse battery")).toEqual({ kind: "changed" });
  expect(await people.sessions.find(secretOf(other.session))).toBe(null);
  expect(await people.sessions.find(secretOf(session))).not.toBe(null);
  expect(ended).toEqual([other.session.sessionId]);
  expect(await people.signIn({ name: "Alice", password: "correct horse battery" }, from)).toEqual({ kind: "wrong-credentials" });
  expect(await people.signIn({ name: "Alice", password: "a quite different one" }, from)).toMatchObject({ kind: "signed-in" });
});

test("R53: of two changes of the password that know the same old one, one takes effect and the other is told", async () => {
  const gate = Promise.withResolvers<void>();
  const real = createPasswords({ randomBytes, cost });
  let hashing = 0;
  // Both have shown the old password before either has stored a new one.
  const passwords: Passwords = {
    ...real,
    async hash(password) {
      if (password.startsWith("another")) {
        if (++hashing === 2) gate.resolve();
        await gate.promise;
      }
      return await real.hash(password);
    },
  };
  const { people, session } = await withAdmin("correct horse battery", passwords);
  const change = (next: string) => people.changePassword(session, { current: "correct horse battery", next }, from);
  const nexts = ["another password", "another password yet"];
  const kinds = (await Promise.all(nexts.map(change))).map((result) => result.kind);
  expect([...kinds].sort()).toEqual(["changed", "wrong-credentials"]);
  for (const [index, password] of nexts.entries()) {
    const { kind } = await people.signIn({ name: "Alice", password }, from);
    expect(kind).toBe(kinds[index] === "changed" ? "signed-in" : "wrong-credentials");
  }
});

test("R53: the database holds the hash of a session's cookie, not the cookie nor what is derived from it", async () => {
  const { session, store, folder, token } = await withAdmin();
  const [row] = await store.db.selectFrom("sessions").selectAll().execute();
  expect(row?.hash).toBe(createHash("sha256").update(secretOf(session)).digest("hex"));
  for (const name of await readdir(folder)) {
    const bytes = (await readFile(join(folder, name))).toString("latin1");
    for (const secret of [secretOf(session), session.key.csrf(), token, "correct horse battery"])
      expect(bytes).not.toContain(secret);
  }
});

test("R43: the last use of a session is written once a minute, not with every request", async () => {
  const { people, clock, session, store } = await withAdmin();
  const before = store.transactions;
  for (let second = 0; second < 120; second += 5) {
    clock.advance(5000);
    await people.sessions.find(secretOf(session));
  }
  expect(store.transactions - before).toBe(2);
});

test("R53: a person has at most 50 sessions: those used longest ago make room", async () => {
  const { people, clock, store, session, ended } = await withAdmin();
  for (let i = 0; i < 50; i++) {
    clock.advance(1000);
    expect(await people.signIn({ name: "Alice", password: "correct horse battery" }, from)).toMatchObject({ kind: "signed-in" });
  }
  expect(await store.db.selectFrom("sessions").select("id").execute()).toHaveLength(50);
  expect(ended).toEqual([session.sessionId]);
});

test("a declared administrator signs in with the declared password, and no setup link is made", async () => {
  const { people } = await open();
  const hash = await hashPassword("declared password", randomBytes, cost);
  await people.declareAdmin({ name: "root", hash });
  expect(await people.setupNeeded()).toBe(false);
  const signedIn = await people.signIn({ name: "root", password: "declared password" }, from);
  if (signedIn.kind !== "signed-in") throw new Error(signedIn.kind);
  expect(signedIn.session.role).toBe("admin");
  const change = { current: "declared password", next: "another password" };
  expect(await people.changePassword(signedIn.session, change, from)).toEqual({ kind: "password-declared" });
});

test("R53: another declared hash ends the sessions of the old one; the same hash keeps them", async () => {
  const { people } = await open();
  const hash = await hashPassword("declared password", randomBytes, cost);
  await people.declareAdmin({ name: "root", hash });
  const signedIn = await people.signIn({ name: "root", password: "declared password" }, from);
  if (signedIn.kind !== "signed-in") throw new Error(signedIn.kind);
  await people.declareAdmin({ name: "root", hash });
  expect(await people.sessions.find(secretOf(signedIn.session))).not.toBe(null);
  await people.declareAdmin({ name: "root", hash: await hashPassword("another password", randomBytes, cost) });
  expect(await people.sessions.find(secretOf(signedIn.session))).toBe(null);
});

test("who is declared no more cannot sign in, and a first start comes again", async () => {
  const { people } = await open();
  await people.declareAdmin({ name: "root", hash: await hashPassword("declared password", randomBytes, cost) });
  await people.declareAdmin(null);
  expect(await people.signIn({ name: "root", password: "declared password" }, from)).toEqual({ kind: "wrong-credentials" });
  expect(await people.setupNeeded()).toBe(true);
  const token = (await people.issueSetupToken()) ?? "";
  const made = await people.setup({ token, name: "Root", password: "correct horse battery" }, from);
  expect(made).toMatchObject({ kind: "signed-in", session: { name: "Root" } });
});

test("R49: who gives no proof has proven nothing, and has not tried to", async () => {
  const { people, session, store } = await withAdmin();
  const before = store.transactions;
  for (let time = 0; time < 10; time++) {
    expect(await people.prove({ ...personOf(session), proof: null }, "start “Reboot” on web1")).toEqual({ kind: "wrong" });
  }
  expect(store.transactions).toBe(before);
  const right = proofOf({ password: "correct horse battery" });
  expect(await people.prove({ ...personOf(session), proof: right }, "start “Reboot” on web1")).toEqual({ kind: "proven" });
});

test("R49: a password that is given again for an op counts with the sign-in: who guesses waits longer and longer, on both", async () => {
  const { people, clock, session } = await withAdmin();
  const prove = (password: string) =>
    people.prove({ ...personOf(session), proof: proofOf({ password }) }, "start “Reboot” on web1");
  expect(await prove("correct horse battery")).toEqual({ kind: "proven" });
  for (let time = 0; time < 5; time++) expect(await prove("wrong")).toEqual({ kind: "wrong" });
  expect(await prove("correct horse battery")).toEqual({ kind: "too-many-attempts", retryAfter: 1 });
  const signIn = () => people.signIn({ name: "Alice", password: "correct horse battery" }, from);
  expect(await signIn()).toEqual({ kind: "too-many-attempts", retryAfter: 1 });
  clock.advance(1000);
  expect(await prove("wrong")).toEqual({ kind: "wrong" });
  expect(await prove("correct horse battery")).toEqual({ kind: "too-many-attempts", retryAfter: 2 });
  clock.advance(2000);
  expect(await prove("correct horse battery")).toEqual({ kind: "proven" });
  expect(await signIn()).toMatchObject({ kind: "signed-in" });
});
