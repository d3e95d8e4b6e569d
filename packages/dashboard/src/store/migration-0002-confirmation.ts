import { type Kysely, sql } from "kysely";

/** Previews, armed switches and their confirmation; deployments of generations of which no commit is known. */
export async function addConfirmation(db: Kysely<unknown>): Promise<void> {
  for (const column of ["preview", "previewed_closure", "armed", "confirm_secret"]) {
    await db.schema.alterTable("runs").addColumn(column, "text").execute();
  }
  await sql`create index runs_previewed on runs (host_id, previewed_closure) where previewed_closure is not null`.execute(db);

  // SQLite cannot drop the NOT NULL of a column: the table is created again (https://www.sqlite.org/lang_altertable.html, section 7).
  await db.schema
    .createTable("deployments_anew")
    .addColumn("run_id", "text", (column) => column.primaryKey().references("runs.id").onDelete("cascade"))
    .addColumn("host_id", "text", (column) => column.notNull().references("hosts.id").onDelete("cascade"))
    .addColumn("closure", "text", (column) => column.notNull())
    .addColumn("commit_id", "text")
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("generation", "bigint")
    .addColumn("mode", "text", (column) => column.notNull())
    .execute();
  const columns = ["run_id", "host_id", "closure", "commit_id", "at", "generation", "mode"] as const;
  const tables = db as Kysely<Record<"deployments" | "deployments_anew", Record<(typeof columns)[number], unknown>>>;
  await tables
    .insertInto("deployments_anew")
    .columns(columns)
    .expression(tables.selectFrom("deployments").select(columns))
    .execute();
  await db.schema.dropTable("deployments").execute();
  await db.schema.alterTable("deployments_anew").renameTo("deployments").execute();
  await db.schema.createIndex("deployments_by_host").on("deployments").columns(["host_id", "closure"]).execute();
}
