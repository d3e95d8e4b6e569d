import { type Kysely, sql } from "kysely";

/** Runs that are asked about before they count as lost, and that become active again when their host has them (R67). */
export async function addInquiries(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("runs").addColumn("writer_id", "text").execute();
  await db.schema.alterTable("runs").addColumn("inquiry", "text").execute();
  await db.schema
    .alterTable("runs")
    .addColumn("reopened", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  // At most one active run per host (R12), apart from one that became active again: its host decides which comes first.
  await sql`drop index runs_one_active`.execute(db);
  await sql`create unique index runs_one_active on runs (host_id) where state in ('starting', 'running') and reopened = 0`.execute(
    db,
  );
}
