import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { migrate, migrations } from "./migrations.ts";
import type { Database } from "./schema.ts";
import { openSqlite } from "./sqlite.ts";
import { openTestStore } from "./store.fixture.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nixfleet-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

const host = { id: "h", name: "web1", name_key: "web1", platform: "nixos", notes: "", added_at: 1 };
const run = {
  number: 1,
  host_id: "h",
  op: "switch",
  args: '{"mode":"switch"}',
  force: 0,
  state: "running",
  by: "ada",
  commit_id: "c",
  deadline: 1000,
  created_at: 1,
  link_lost: 0,
  progress_state: '{"slow":false,"phases":[],"deployed":null,"awaitedProof":null}',
};
const deployment = { run_id: "r1", host_id: "h", closure: "/nix/store/x", commit_id: "c", at: 5, generation: 7, mode: "switch" };

test("R42: a database of the first schema keeps its runs and deployments, and takes what the second one has", async () => {
  const path = join(folder, "nixfleet.db");
  const first = new Kysely<Database>({ dialect: openSqlite(path).dialect });
  const { "0001-spine": spine } = migrations({ bytes: "blob" });
  if (spine === undefined) throw new Error("The first migration is gone");
  await migrate(first as Kysely<unknown>, { "0001-spine": spine }, async () => {});
  await first.insertInto("hosts").values(host).execute();
  await first
    .insertInto("runs")
    .values({ ...run, id: "r1" } as never)
    .execute();
  await first.insertInto("deployments").values(deployment).execute();
  await first.destroy();

  const { store } = await openTestStore({ path });
  await using _ = store;
  expect((await readdir(folder)).filter((name) => name.includes("before-0002-confirmation"))).toHaveLength(1);
  expect(await store.db.selectFrom("deployments").selectAll().execute()).toEqual([deployment]);
  expect(await store.db.selectFrom("runs").selectAll().executeTakeFirst()).toMatchObject({
    ...run,
    preview: null,
    previewed_closure: null,
    armed: null,
    confirm_secret: null,
  });
  await store.change(async ({ db: trx }) => {
    await trx
      .insertInto("runs")
      .values({ ...run, id: "r2", number: 2, state: "succeeded" } as never)
      .execute();
    await trx
      .insertInto("deployments")
      .values({ ...deployment, run_id: "r2", commit_id: null })
      .execute();
  });
  // What the first schema promised of the table holds for the new one.
  const twice = store.change(({ db: trx }) => trx.insertInto("deployments").values(deployment).execute());
  await expect(twice).rejects.toThrow(/UNIQUE/);
  const ofNoRun = store.change(({ db: trx }) =>
    trx
      .insertInto("deployments")
      .values({ ...deployment, run_id: "r3" })
      .execute(),
  );
  await expect(ofNoRun).rejects.toThrow(/FOREIGN KEY/);
  await store.change(({ db: trx }) => trx.deleteFrom("hosts").execute());
  expect(await store.db.selectFrom("deployments").selectAll().execute()).toEqual([]);
});
