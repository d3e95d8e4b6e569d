import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@nixfleet/runtime";
import { Kysely } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NewerSchemaError, StorageUnavailable } from "./index.ts";
import { migrate, migrations } from "./migrations.ts";
import type { Database } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { openTestStore } from "./store.fixture.ts";

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
