import { mkdtemp, open as openFile, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@nixfleet/runtime";
import { createFakeClock } from "@nixfleet/testkit";
import { Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NewerSchemaError, StorageUnavailable } from "./index.ts";
import { migrate, migrations } from "./migrations.ts";
import type { Database } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { openTestStore, quiet } from "./store.fixture.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nixfleet-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (more: Parameters<typeof openTestStore>[0] = {}) =>
  openTestStore({ path: join(folder, "nixfleet.db"), clock: systemClock, ...more });

test("what was written is there after the store is opened again, and only its owner reads the file", async () => {
  {
    const { store } = await open();
    await store.change(({ db: trx }) => trx.insertInto("meta").values({ key: "a", value: "1" }).execute());
    await store.close();
  }
  const { store } = await open();
  await using _ = store;
  expect(await store.db.selectFrom("meta").selectAll().execute()).toEqual([{ key: "a", value: "1" }]);
  for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
});

test("a change that throws leaves nothing behind, and the next one works", async () => {
  const { store } = await open();
  await using _ = store;
  const failing = store.change(async ({ db: trx }) => {
    await trx.insertInto("meta").values({ key: "a", value: "1" }).execute();
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  await store.change(({ db: trx }) => trx.insertInto("meta").values({ key: "b", value: "1" }).execute());
  expect((await store.db.selectFrom("meta").selectAll().execute()).map((row) => row.key)).toEqual(["b"]);
});

test("a change inside of a change, or a read beside it, is refused instead of waiting for ever", async () => {
  const { store } = await open();
  await using _ = store;
  await store.change(async () => {
    await expect(store.change(async () => {})).rejects.toThrow("use the outer one");
    expect(() => store.db).toThrow("only its own db");
  });
  await store.db.selectFrom("meta").selectAll().execute();
});

test("a full disk is a state that is said, loses nothing that was stored, and ends by itself", async () => {
  let limit: (pages: number) => void = () => {};
  const { store, bus } = await open({ onLimit: (set) => (limit = set) });
  await using _ = store;
  const changes: boolean[] = [];
  const back = new Promise<void>((resolve) => {
    const hear = () => {
      changes.push(store.storage.ok);
      if (store.storage.ok) resolve();
    };
    bus.on("storage.changed", hear, { owner: "test" });
  });
  await store.change(({ db: trx }) => trx.insertInto("meta").values({ key: "kept", value: "1" }).execute());
  limit(1);
  const big = store.change(({ db: trx }) =>
    trx
      .insertInto("meta")
      .values({ key: "big", value: "x".repeat(1_000_000) })
      .execute(),
  );
  await expect(big).rejects.toThrow(StorageUnavailable);
  expect(store.storage).toMatchObject({ ok: false, reason: "The disk that holds the database is full." });
  limit(1_000_000);
  await back;
  expect(changes).toEqual([false, true]);
  expect((await store.db.selectFrom("meta").select("key").execute()).map((row) => row.key)).toEqual(["kept"]);
});

test("R41: a probe of a storage that still fails is no error; any other failure of it is logged, and the next one comes", async () => {
  const clock = createFakeClock();
  const logged: string[] = [];
  let fault: Error | null = null;
  let begun = 0;
  let limit: (pages: number) => void = () => {};
  const { store } = await open({
    clock,
    log: { ...quiet, error: (_: unknown, text: string) => void logged.push(text) } as never,
    onLimit: (set) => (limit = set),
    aroundStatement: (statement, run) => {
      if (statement.startsWith("begin")) begun += 1;
      if (fault !== null) throw fault;
      return run();
    },
  });
  await using _ = store;
  limit(1);
  const big = store.change(({ db: trx }) =>
    trx
      .insertInto("meta")
      .values({ key: "big", value: "x".repeat(1_000_000) })
      .execute(),
  );
  await expect(big).rejects.toThrow(StorageUnavailable);
  expect(logged.splice(0)).toEqual(["The disk that holds the database is full."]);
  // When the next one begins, the one before has ended.
  for (const seen = begun; begun < seen + 2; ) await clock.advanceAsync(100);
  expect([store.storage.ok, logged]).toEqual([false, []]);
  fault = new Error("a bug");
  while (logged.length === 0) await clock.advanceAsync(100);
  expect([store.storage.ok, logged]).toEqual([false, ["Probing the storage failed"]]);
  fault = null;
  limit(1_000_000);
  while (!store.storage.ok) await clock.advanceAsync(100);
  expect(await store.db.selectFrom("meta").selectAll().execute()).toEqual([]);
});

test("R41: two short locks of another program are not one long one", async () => {
  const clock = createFakeClock();
  let isLocked = false;
  let attempts = 0;
  const { store } = await open({
    clock,
    aroundStatement: (statement, run) => {
      if (!isLocked || !statement.startsWith("begin")) return run();
      attempts += 1;
      throw new StorageUnavailable("locked", { locked: true });
    },
  });
  await using _ = store;
  for (const key of ["a", "b"]) {
    isLocked = true;
    let isStored = false;
    void store
      .change(({ db }) => db.insertInto("meta").values({ key, value: "" }).execute())
      .then(() => {
        isStored = true;
      });
    for (const seen = attempts; attempts === seen; ) await clock.advanceAsync(50);
    expect([isStored, store.storage]).toEqual([false, { ok: true }]);
    isLocked = false;
    while (!isStored) await clock.advanceAsync(50);
    await clock.advanceAsync(10_000);
  }
});

test("a store that is closed while its storage fails leaves no timer behind", async () => {
  const clock = createFakeClock();
  let limit: (pages: number) => void = () => {};
  const { store } = await open({ clock, onLimit: (set) => (limit = set) });
  limit(1);
  const big = store.change(({ db: trx }) =>
    trx
      .insertInto("meta")
      .values({ key: "big", value: "x".repeat(1_000_000) })
      .execute(),
  );
  await expect(big).rejects.toThrow(StorageUnavailable);
  expect(clock.waiting).toBe(1);
  await store.close();
  expect(clock.waiting).toBe(0);
  // Once more, as whoever opened it may do.
  await store.close();
});

test("statements are observed once the store is open, and not those of its start", async () => {
  const statements: string[] = [];
  const { store } = await open({
    aroundStatement: (statement, run) => {
      statements.push(statement);
      return run();
    },
  });
  await using _ = store;
  expect(statements).toEqual([]);
  await store.db.selectFrom("meta").selectAll().execute();
  expect(statements).toEqual(['select * from "meta"']);
});

/** Open files of this process by a name (proc(5)). */
async function openFiles(name: string): Promise<number> {
  const targets = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return targets.filter((target) => target === name).length;
}

test("a file that is no database is refused by name, and is not kept open", async () => {
  const path = join(folder, "nixfleet.db");
  await writeFile(path, "no database ".repeat(1000));
  const error = await open({ path }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(StorageUnavailable);
  expect(String(error)).toContain("is not a database");
  expect(await openFiles(path)).toBe(0);
});

test("R5: every commit is flushed to disk, no lock is waited for within the process, and foreign keys are followed", async () => {
  const db = new Kysely<unknown>({ dialect: openSqlite(join(folder, "nixfleet.db")).dialect });
  const read = async (name: string) => Object.values((await sql.raw<object>(`pragma ${name}`).execute(db)).rows[0] ?? {})[0];
  expect(await read("journal_mode")).toBe("wal");
  expect(await read("synchronous")).toBe(2); // FULL (https://www.sqlite.org/pragma.html#pragma_synchronous)
  expect(await read("journal_size_limit")).toBe(64 * 1024 * 1024);
  expect(await read("busy_timeout")).toBe(0);
  expect(await read("foreign_keys")).toBe(1);
  await db.destroy();
});

test("a change is told how many rows it has changed", async () => {
  const { store } = await openTestStore();
  await using _ = store;
  const { numUpdatedRows } = await store.change(async ({ db }) => {
    const rows = ["a", "b", "c"].map((key) => ({ key, value: key }));
    expect((await db.insertInto("meta").values(rows).executeTakeFirstOrThrow()).numInsertedOrUpdatedRows).toBe(3n);
    return await db.updateTable("meta").set({ value: "1" }).where("key", "<", "c").executeTakeFirstOrThrow();
  });
  expect(numUpdatedRows).toBe(2n);
});

test("R42: a backup replaces what another one that was killed has left", async () => {
  const path = join(folder, "nixfleet.db");
  const { store } = await open();
  await store.close();
  for (const suffix of ["", "-journal"]) await writeFile(`${path}.partial-backup${suffix}`, "half of it");
  openSqlite(path).backUp(join(folder, "copy"));
  const names = await readdir(folder);
  expect(names).toContain("copy");
  expect(names.filter((name) => name.includes("partial"))).toEqual([]);
});

test("R42: of a backup that fails nothing is left", async () => {
  const path = join(folder, "nixfleet.db");
  const { store } = await open();
  await store.change(({ db: trx }) =>
    trx
      .insertInto("meta")
      .values({ key: "big", value: "x".repeat(100_000) })
      .execute(),
  );
  await store.close();
  const before = await readdir(folder);
  const file = await openFile(path, "r+");
  const { size } = await file.stat();
  await file.write(Buffer.alloc(60_000, 1), 0, 60_000, size - 80_000);
  await file.close();
  const sqlite = openSqlite(path);
  expect(() => sqlite.backUp(join(folder, "copy"))).toThrow("The database file is damaged.");
  expect((await readdir(folder)).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(before);
});

test("R42: a database of a newer program is refused with a clear message, and is not touched", async () => {
  const path = join(folder, "nixfleet.db");
  const { store } = await open();
  await store.change(({ db: trx }) =>
    trx
      .insertInto("kysely_migration" as never)
      .values({ name: "9999-future", timestamp: "now" } as never)
      .execute(),
  );
  await store.close();
  const error = await open({ path }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(NewerSchemaError);
  expect(String(error)).toContain("9999-future");
  expect(String(error)).toContain("newer version of NixFleet");
  expect(await openFiles(path)).toBe(0);
});

test("R42: a migration backs up first, and an unchanged schema makes no backup", async () => {
  const path = join(folder, "nixfleet.db");
  const { store } = await open();
  await store.change(({ db: trx }) => trx.insertInto("meta").values({ key: "a", value: "1" }).execute());
  await store.close();
  expect((await readdir(folder)).filter((name) => name.includes("before"))).toEqual([]);

  const sqlite = openSqlite(path);
  const db = new Kysely<unknown>({ dialect: sqlite.dialect });
  const next = {
    ...migrations({ bytes: "blob" }),
    "9998-next": {
      up: async (migrating: Kysely<unknown>) => {
        await migrating.schema.alterTable("meta").addColumn("more", "text").execute();
      },
    },
  };
  await migrate(db, next, async (before) => sqlite.backUp(join(folder, `copy-${before}`)));
  await db.destroy();

  const copy = new Kysely<Database>({ dialect: openSqlite(join(folder, "copy-9998-next")).dialect });
  expect(await copy.selectFrom("meta").selectAll().execute()).toEqual([{ key: "a", value: "1" }]);
  await copy.destroy();
});

test("R43: a chain of queries, however long, lets timers and sockets have their turn", async () => {
  const { store } = await openTestStore();
  await using _ = store;
  let turns = 0;
  let over = false;
  const count = () => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  for (let queries = 0; turns < 3 && queries < 50_000; queries += 1) await store.db.selectFrom("meta").selectAll().execute();
  over = true;
  expect(turns).toBe(3);
});
