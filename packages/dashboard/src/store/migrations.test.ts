import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { Kysely } from "kysely";
import { expect, test } from "vitest";
import { createAudit } from "../audit/index.ts";
import { migrate, migrations } from "./migrations.ts";
import { openSqlite } from "./sqlite.ts";
import { openTestStore, quiet } from "./store.fixture.ts";

const R1 = "01j00000000000000000000001";
const R2 = "01j00000000000000000000002";

const NAMES = Object.keys(migrations({ bytes: "blob" }));

/** Brings a database to what the versions up to a migration make of it. */
async function migrateUpTo(path: string, upTo: string): Promise<void> {
  const known = Object.fromEntries(Object.entries(migrations({ bytes: "blob" })).filter(([name]) => name <= upTo));
  const sqlite = openSqlite(path);
  const db = new Kysely<unknown>({ dialect: sqlite.dialect });
  await sqlite.withoutForeignKeys(() => migrate(db, known, async () => {}));
  await db.destroy();
}

/** A database of somebody who used the first version for a while, and has had each version up to a migration since then. */
async function makeOlder(path: string, upTo: string): Promise<DatabaseSync> {
  await migrateUpTo(path, "0001-spine");
  const first = new DatabaseSync(path);
  fillFirst(first);
  first.close();
  await migrateUpTo(path, upTo);
  return new DatabaseSync(path);
}

type Values = Record<string, string | number | null | Uint8Array>;
function insert(db: DatabaseSync, table: string, values: Values): void {
  const names = Object.keys(values);
  const columns = names.map((name) => `"${name}"`).join(", ");
  db.prepare(`insert into ${table} (${columns}) values (${names.map(() => "?").join(", ")})`).run(...Object.values(values));
}

const run = (more: Values): Values => ({
  host_id: "h",
  op: "switch",
  args: '{"mode":"switch"}',
  force: 0,
  by: "ada",
  commit_id: "c",
  deadline: 1000,
  created_at: 1,
  link_lost: 0,
  ...more,
});
const state = (more: object = {}) =>
  JSON.stringify({
    slow: true,
    phases: [{ phase: "build", startedAt: 2, endedAt: 3 }],
    deployed: null,
    awaitedProof: null,
    ...more,
  });
const deployment = { run_id: R1, host_id: "h", closure: "/nix/store/x", commit_id: "c", at: 5, generation: 7, mode: "switch" };

/** What somebody has who used the first version for a while. */
function fillFirst(db: DatabaseSync): void {
  insert(db, "hosts", { id: "h", name: "Web1", name_key: "web1", platform: "nixos", notes: "", added_at: 1 });
  const outcome = JSON.stringify({ code: "build-failed", reason: "It failed.", firstError: "boom", reported: true });
  const log = {
    log_lines: 2,
    log_bytes: 9,
    log_errors: 1,
    log_warnings: 0,
    log_stored: 40,
    log_compacted: 0,
    first_error_line: 2,
  };
  insert(db, "runs", {
    ...run({ id: R1, number: 1, state: "failed", started_at: 2, ended_at: 9, outcome, progress_state: state() }),
    ...log,
    diff: '{"added":[]}',
    tests: '[{"script":"T1.sh"}]',
    warnings: '["careful"]',
  });
  const proof = { hostTime: 10, endedAt: 11, until: 12 };
  const asked = { state: "running", sent_at: 3, started_at: 4, due_at: 12, cancel_asked_at: 6, cancel_asked_by: "bob" };
  insert(db, "runs", run({ id: R2, number: 2, ...asked, progress_state: state({ awaitedProof: proof }) }));
  insert(db, "log_chunks", { run_id: R1, first_line: 1, count: 2, codec: "plain", data: Buffer.from("[1,2]\n"), marks: null });
  insert(db, "deployments", deployment);
  insert(db, "people", { id: "p", name: "Ada", name_key: "ada", role: "admin", declared: 0, created_at: 1 });
  insert(db, "idempotency", { person_id: "p", key: "k", request: "r", status: 200, body: "{}", created_at: 1 });
  const entry = {
    seq: 1,
    at: 1,
    who: "ada",
    action: "run.start",
    sentence: "ada asked.",
    hosts: '[{"id":"h","name":"Web1"}]',
    run_id: R1,
    address: null,
    outcome: "done",
    previous: "0".repeat(64),
  };
  const { previous, seq, at, who, action, sentence, hosts, run_id, address, outcome: ended } = entry;
  const text = JSON.stringify([previous, seq, at, who, action, sentence, hosts, run_id, address, ended]);
  insert(db, "audit", { ...entry, hash: createHash("sha256").update(text).digest("hex") });
}

test.each(NAMES.slice(0, -1))(
  "R42: a database of %s keeps all that it has, is backed up first, and takes what is new",
  async (upTo) => {
    await using folder = await createTempDir();
    const path = join(folder.path, "nixfleet.db");
    (await makeOlder(path, upTo)).close();

    const { store } = await openTestStore({ path });
    await using _ = store;
    const { db } = store;
    const [failed, running] = await db.selectFrom("runs").selectAll().orderBy("id").execute();
    expect(failed).toMatchObject({
      id: R1,
      number: 1,
      host_id: "h",
      host_name: "Web1",
      op: "switch",
      args: { mode: "switch" },
      force: false,
      state: "failed",
      actor_kind: "person",
      actor_id: null,
      actor_name: "ada",
      commit_id: "c",
      slow: true,
      phases: [{ phase: "build", startedAt: 2, endedAt: 3 }],
      deployed: null,
      run_outcome: { code: "build-failed", firstError: "boom" },
    });
    expect(running).toMatchObject({
      state: "running",
      cancel_requested_at: 6,
      cancel_requested_by: "bob",
      // An earlier version did not keep the reason.
      awaited_proof: { hostTime: 10, endedAt: 11, until: 12, reason: null },
      due_at: 12,
    });
    expect(await db.selectFrom("run_results").selectAll().execute()).toEqual([
      {
        run_id: R1,
        command: null,
        progress: null,
        tests: [{ script: "T1.sh" }],
        run_warnings: ["careful"],
        preview: null,
        diff: { added: [] },
      },
    ]);
    expect(await db.selectFrom("run_logs").selectAll().execute()).toMatchObject([
      {
        run_id: R1,
        lines: 2,
        bytes: 9,
        errors: 1,
        first_error_line: 2,
        stored: 40,
        truncated: false,
        discarded: false,
        pack_after: 9,
      },
    ]);
    expect(await db.selectFrom("log_usage").selectAll().execute()).toEqual([{ host_id: "h", stored: 40 }]);
    expect(await db.selectFrom("log_chunks").select(["run_id", "count"]).execute()).toEqual([{ run_id: R1, count: 2 }]);
    expect(await db.selectFrom("deployments").selectAll().execute()).toEqual([deployment]);
    expect(await db.selectFrom("idempotency").selectAll().execute()).toEqual([]);
    const audit = createAudit({ store });
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 1 });
    for (const filter of [{ host: "WEB1" }, { host: "h" }, { action: "run" }, { who: "ada" }]) {
      expect((await audit.list(filter, 10, null)).items).toHaveLength(1);
    }
    const [first] = NAMES.slice(NAMES.indexOf(upTo) + 1);
    expect((await readdir(folder.path)).filter((name) => name.includes(`before-${first}`))).toHaveLength(1);
    // History outlives its host, and a deployment is of a run that is there.
    await store.change(({ db: trx }) => trx.deleteFrom("hosts").execute());
    expect(await db.selectFrom("runs").select("id").execute()).toHaveLength(2);
    const ofNoRun = store.change(({ db: trx }) =>
      trx
        .insertInto("deployments")
        .values({ ...deployment, run_id: "01j00000000000000000000003" } as never)
        .execute(),
    );
    await expect(ofNoRun).rejects.toThrow(/FOREIGN KEY/);
  },
);

test("R42: a migration that breaks off changes nothing, leaves no copy behind, and is done by the next start", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  const older = await makeOlder(path, "0002-confirmation");
  // In the way of one of the last statements.
  older.exec("create index metrics_history_by_time on meta (key)");
  const tables = () => older.prepare("select name from sqlite_schema order by name").all();
  const before = tables();
  await expect(openTestStore({ path })).rejects.toThrow("could not be migrated");
  expect(tables()).toEqual(before);
  expect((await readdir(folder.path)).filter((name) => name.includes("before"))).toEqual([]);

  older.exec("drop index metrics_history_by_time");
  older.close();
  const { store } = await openTestStore({ path });
  await using _ = store;
  expect(await store.db.selectFrom("runs").select("id").execute()).toHaveLength(2);
  expect((await readdir(folder.path)).filter((name) => name.includes("before"))).toHaveLength(1);
});

test("R42: a reference that a migration breaks undoes it", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  const older = await makeOlder(path, "0002-confirmation");
  // Nothing but a deployment refers to a run that is gone.
  older.exec("pragma foreign_keys = off; delete from log_chunks; delete from runs");
  older.close();
  for (let start = 0; start < 2; start++)
    await expect(openTestStore({ path })).rejects.toThrow(/broken reference: \{"table":"deployments"/);
});

test("R42: while another program has locked the database, it is backed up once and not with each trial", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  const older = await makeOlder(path, "0002-confirmation");
  older.exec("begin immediate");
  const clock = createFakeClock();
  const copies: number[] = [];
  const info = (_: unknown, text: string) => void (text.startsWith("Backed up") && copies.push(clock.now()));
  const opening = openTestStore({ path, clock, log: { ...quiet, info } as never });
  for (let passed = 0; passed < 30_000; passed += 250) await clock.advanceAsync(250);
  const locked = copies.length;
  older.exec("rollback");
  older.close();
  await clock.advanceAsync(250);
  await using _ = (await opening).store;
  expect({ locked, copies: copies.length }).toEqual({ locked: 0, copies: 1 });
});

test("R41: a start waits for another program's lock for a minute, and no longer", async () => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  const older = await makeOlder(path, "0002-confirmation");
  older.exec("begin immediate");
  const clock = createFakeClock();
  let fault: unknown;
  void openTestStore({ path, clock }).catch((error: unknown) => {
    fault = error;
  });
  await clock.advanceAsync(59_000);
  expect(fault).toBeUndefined();
  for (let passed = 0; fault === undefined && passed < 60_000; passed += 250) await clock.advanceAsync(250);
  expect(String(fault)).toContain("Another program has locked the database");
  older.exec("rollback");
  older.close();
});

/** What each migration leaves: indexes by number, and a hash of the text of all. One that no release has had yet may change these. */
const SCHEMAS: Record<string, { indexes: number; hash: string }> = {
  "0001-spine": { indexes: 7, hash: "36f9bd45a1f9076c" },
  "0002-confirmation": { indexes: 8, hash: "9d93e6e8fdaaafeb" },
  "0003-history": { indexes: 28, hash: "a05844d283c4d9d2" },
  "0004-inquiries": { indexes: 28, hash: "6d69064bc1269c0e" },
};

test.each(NAMES)("R42: a migration that was released never changes: %s makes what it has always made", async (name) => {
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  await migrateUpTo(path, name);
  const db = new DatabaseSync(path);
  const made = db
    .prepare("select type, name, tbl_name, sql from sqlite_schema where name not like 'kysely_%' order by type, name")
    .all();
  db.close();
  const text = JSON.stringify(made).replaceAll(/(?:\s|\\n)+/g, " ");
  expect({
    indexes: made.filter(({ type, sql }) => type === "index" && sql !== null).length,
    hash: createHash("sha256").update(text).digest("hex").slice(0, 16),
  }).toEqual(SCHEMAS[name]);
});

test("schema.ts says what the migrations make: every table, every column, and which of them may be null", async () => {
  const source = await readFile(join(import.meta.dirname, "schema.ts"), "utf8");
  const bodyOf = (name: string) => new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? "";
  const fields = (body: string) => [...body.matchAll(/^ {2}(\w+): (.+);$/gm)].map(([, name = "", type = ""]) => ({ name, type }));
  const declared = Object.fromEntries(
    fields(bodyOf("Database")).map(({ name, type }) => [
      name,
      Object.fromEntries(fields(bodyOf(type)).map((column) => [column.name, column.type.endsWith("| null")])),
    ]),
  );

  const { store } = await openTestStore();
  await using _ = store;
  const tables = await (store.db as Kysely<unknown>).introspection.getTables();
  const made = Object.fromEntries(
    tables.map(({ name, columns }) => [name, Object.fromEntries(columns.map((column) => [column.name, column.isNullable]))]),
  );
  // SQLite calls a primary key of text nullable, since for its own history's sake it takes null there.
  for (const [table, columns] of Object.entries(made)) {
    for (const name of Object.keys(columns)) if (declared[table]?.[name] === false && isKey(table, name)) columns[name] = false;
  }
  expect(made).toEqual(declared);
});

const KEYS: Record<string, readonly string[]> = {
  meta: ["key"],
  sources: ["id"],
  hosts: ["id"],
  host_tokens: ["host_id"],
  runs: ["id"],
  run_results: ["run_id"],
  run_logs: ["run_id"],
  log_usage: ["host_id"],
  deployments: ["run_id"],
  audit: ["seq"],
  people: ["id"],
  sessions: ["id"],
};
const isKey = (table: string, column: string) => KEYS[table]?.includes(column) === true;
