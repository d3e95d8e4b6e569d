import type { RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { sql } from "kysely";
import { afterEach, expect, test } from "vitest";
import { type AuditFact, auditHash, type Store } from "../store/index.ts";
import { openTestStore } from "../store/store.fixture.ts";
import { createAudit } from "./audit.ts";

const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

async function open() {
  const { store, bus } = await openTestStore({ clock: createFakeClock() });
  stores.push(store);
  const seqs: number[] = [];
  bus.on("audit.added", ({ seq }) => void seqs.push(seq), { owner: "test" });
  const record = (fact: AuditFact) => store.change(async (change) => change.audit(fact));
  return { audit: createAudit({ store }), record, store, seqs };
}

const person = (name: string) => ({ kind: "person" as const, id: `id-${name}`, name });
const fact = (more: Partial<AuditFact> = {}): AuditFact => ({
  actor: person("alice"),
  action: "run.start",
  sentence: "alice started a switch on pi.",
  outcome: "done",
  ...more,
});

test("entries are numbered without gaps, and each is published once it is stored", async () => {
  const { audit, record, seqs } = await open();
  await Promise.all([record(fact()), record(fact()), record(fact())]);
  expect(seqs).toEqual([1, 2, 3]);
  expect(await audit.verify()).toMatchObject({ ok: true, entries: 3 });
});

test("an entry says of which run it is and from which address it was asked for, where there are such", async () => {
  const { audit, record } = await open();
  const runId = "01jd0000000000000000000001" as RunId;
  await record(fact({ runId, from: "192.0.2.7" }));
  await record(fact());
  const { items } = await audit.list({}, 50, null);
  expect(items.map((entry) => [entry.seq, entry.runId, entry.from])).toEqual([
    [2, null, null],
    [1, runId, "192.0.2.7"],
  ]);
});

test("an entry that was changed in the database is found, whichever column it was", async () => {
  for (const change of [
    "who = 'mallory'",
    "at = at + 1",
    "sentence = ''",
    "address = '192.0.2.1'",
    "outcome = 'failed'",
    "hosts = '[{}]'",
  ]) {
    const { audit, record, store } = await open();
    for (let i = 0; i < 4; i++) await record(fact());
    await store.change(({ db: trx }) => sql`update audit set ${sql.raw(change)} where seq = 3`.execute(trx));
    expect(await audit.verify(), change).toEqual({ ok: false, seq: 3, reason: "An entry was changed." });
  }
});

test("an entry that was changed and given the hash that fits it is found by the entry behind it", async () => {
  const { audit, record, store } = await open();
  for (let i = 0; i < 4; i++) await record(fact());
  const row = await store.db.selectFrom("audit").selectAll().where("seq", "=", 2).executeTakeFirstOrThrow();
  const forged = { ...row, sentence: "mallory did nothing." };
  const hash = auditHash(forged);
  await store.change(({ db }) => db.updateTable("audit").set({ sentence: forged.sentence, hash }).where("seq", "=", 2).execute());
  expect(await audit.verify()).toEqual({ ok: false, seq: 3, reason: "An entry was changed." });
});

test("an entry that was removed from between is found, also if the rest is renumbered", async () => {
  const { audit, record, store } = await open();
  for (let i = 0; i < 4; i++) await record(fact());
  await store.change(({ db: trx }) => trx.deleteFrom("audit").where("seq", "=", 2).execute());
  expect(await audit.verify()).toEqual({ ok: false, seq: 2, reason: "An entry was removed." });
  await store.change(({ db: trx }) => sql`update audit set seq = seq - 1 where seq > 2`.execute(trx));
  expect(await audit.verify()).toEqual({ ok: false, seq: 2, reason: "An entry was changed." });
});

test("the list is newest first, in pages, and filtered by person, action or its first part, and host by id or name", async () => {
  const { audit, record } = await open();
  const pi = { id: "01hosta", name: "pi_1" };
  await record(fact({ actor: person("bob"), action: "host.add", hosts: [pi] }));
  await record(fact({ action: "run.start", hosts: [pi, { id: "01hostb", name: "piX1" }] }));
  await record(fact({ action: "run.cancel", hosts: [{ id: "01hostb", name: "piX1" }] }));
  await record(fact({ action: "runner.x" }));
  const seqs = async (filter: Parameters<typeof audit.list>[0]) =>
    (await audit.list(filter, 50, null)).items.map((entry) => entry.seq);
  expect(await seqs({})).toEqual([4, 3, 2, 1]);
  expect(await seqs({ who: "bob" })).toEqual([1]);
  expect(await seqs({ action: "run" })).toEqual([3, 2]);
  expect(await seqs({ action: "run.start" })).toEqual([2]);
  expect(await seqs({ host: "pi_1" })).toEqual([2, 1]);
  expect(await seqs({ host: "01hostb" })).toEqual([3, 2]);
  const first = await audit.list({}, 3, null);
  expect({ seqs: first.items.map((entry) => entry.seq), next: first.next }).toEqual({ seqs: [4, 3, 2], next: 2 });
  const second = await audit.list({}, 3, first.next);
  expect({ seqs: second.items.map((entry) => entry.seq), next: second.next }).toEqual({ seqs: [1], next: null });
});

test("entries that pass several filters are found however many others are between them", async () => {
  const { audit, store } = await open();
  const pi = { id: "h1", name: "pi" };
  const rare = { ...fact({ actor: person("grace"), action: "host.change", hosts: [pi] }) };
  await store.change(async (change) => {
    for (let place = 0; place < 1300; place += 1) change.audit(place % 600 === 0 ? rare : fact({ hosts: [pi] }));
  });
  const filters = [
    { who: "grace", host: "pi" },
    { who: "grace", action: "host" },
    { action: "host.change", host: "h1" },
    { who: "alice", action: "host.change" },
  ];
  const seqs = async (filter: object) => {
    const found: number[] = [];
    for (let before: number | null = null, more = true; more; ) {
      const { items, next } = await audit.list(filter, 2, before);
      for (const { seq } of items) found.push(seq);
      before = next;
      more = next !== null;
    }
    return found;
  };
  expect(await Promise.all(filters.map(seqs))).toEqual([[1201, 601, 1], [1201, 601, 1], [1201, 601, 1], []]);
});
