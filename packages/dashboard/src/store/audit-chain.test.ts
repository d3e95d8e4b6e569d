import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { AUDIT_GENESIS, type AuditFact, auditHash } from "./audit-chain.ts";
import { openTestStore } from "./store.fixture.ts";

const plain = {
  actor: { kind: "person", id: "1", name: "ada" },
  action: "session.start",
  sentence: "ada came.",
  outcome: "done",
} as const;

async function entriesOf(facts: readonly AuditFact[]) {
  const clock = createFakeClock();
  const { store } = await openTestStore({ clock });
  await using _ = store;
  for (const fact of facts) await store.change(async (change) => change.audit(fact));
  return {
    now: clock.now(),
    entries: await store.db.selectFrom("audit").selectAll().orderBy("seq").execute(),
    hosts: await store.db.selectFrom("audit_hosts").selectAll().orderBy("host_id").execute(),
  };
}

test("an entry says who did what from where, to which hosts and by which run", async () => {
  const hosts = [
    { id: "h1", name: "Web1" },
    { id: "h2", name: "db" },
  ];
  const {
    now,
    entries,
    hosts: named,
  } = await entriesOf([
    { ...plain, action: "run.start", hosts, runId: "01j00000000000000000000001" as never, from: "192.0.2.1" },
  ]);
  expect(entries).toMatchObject([
    {
      seq: 1,
      at: now,
      who: "ada",
      actor_kind: "person",
      actor_id: "1",
      action: "run.start",
      area: "run",
      sentence: "ada came.",
      run_id: "01j00000000000000000000001",
      address: "192.0.2.1",
      outcome: "done",
    },
  ]);
  expect(entries[0]?.hosts).toBe(JSON.stringify(hosts));
  // By these, filters find it.
  expect(named).toEqual([
    { seq: 1, host_id: "h1", name_key: "web1" },
    { seq: 1, host_id: "h2", name_key: "db" },
  ]);
});

test("what an entry leaves out is stored as nothing", async () => {
  const { entries, hosts } = await entriesOf([plain]);
  expect(entries).toMatchObject([{ area: "session", hosts: "[]", run_id: null, address: null }]);
  expect(hosts).toEqual([]);
});

test("each entry is chained to the one before by its hash, the first to the genesis", async () => {
  const { entries } = await entriesOf([plain, { ...plain, from: "192.0.2.1" }, plain]);
  expect(AUDIT_GENESIS).toMatch(/^0{64}$/);
  expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(entries.map(({ previous }) => previous)).toEqual([AUDIT_GENESIS, entries[0]?.hash, entries[1]?.hash]);
  for (const entry of entries) expect(auditHash(entry)).toBe(entry.hash);
});
