import { type ColumnDataType, type Kysely, sql } from "kysely";

/** Column types that differ between databases. */
export interface ColumnTypes {
  /** Raw bytes. */
  bytes: ColumnDataType | ReturnType<typeof sql>;
}

/** The first schema. Released schemas are never edited: changes come as the next migration. */
export async function createSpine(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable("meta")
    .addColumn("key", "text", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .execute();

  await db.schema
    .createTable("hosts")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull().unique())
    .addColumn("platform", "text", (column) => column.notNull())
    .addColumn("notes", "text", (column) => column.notNull())
    .addColumn("added_at", "bigint", (column) => column.notNull())
    .addColumn("hostname", "text")
    .addColumn("policy", "text")
    .addColumn("settings", "text")
    .addColumn("first_connected_at", "bigint")
    .addColumn("last_seen_at", "bigint")
    .execute();

  await db.schema
    .createTable("host_facts")
    .addColumn("host_id", "text", (column) => column.notNull().references("hosts.id").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("value", "text", (column) => column.notNull())
    .addColumn("read_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("host_facts_key", ["host_id", "name"])
    .execute();

  await db.schema
    .createTable("host_tokens")
    .addColumn("host_id", "text", (column) => column.primaryKey().references("hosts.id").onDelete("cascade"))
    .addColumn("hash", "text", (column) => column.notNull().unique())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_used_at", "bigint")
    .addColumn("last_used_from", "text")
    .execute();

  await db.schema
    .createTable("runs")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("number", "integer", (column) => column.notNull().unique())
    .addColumn("host_id", "text", (column) => column.notNull().references("hosts.id").onDelete("cascade"))
    .addColumn("op", "text", (column) => column.notNull())
    .addColumn("args", "text", (column) => column.notNull())
    .addColumn("force", "integer", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("queue_reason", "text")
    .addColumn("by", "text", (column) => column.notNull())
    .addColumn("request_key", "text", (column) => column.unique())
    .addColumn("commit_id", "text")
    .addColumn("subject", "text")
    .addColumn("deadline", "bigint", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("sent_at", "bigint")
    .addColumn("started_at", "bigint")
    .addColumn("ended_at", "bigint")
    .addColumn("cancel_asked_at", "bigint")
    .addColumn("cancel_asked_by", "text")
    .addColumn("link_lost", "integer", (column) => column.notNull())
    .addColumn("due_at", "bigint")
    .addColumn("progress_state", "text", (column) => column.notNull())
    .addColumn("stored_seq", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("command", "text")
    .addColumn("progress", "text")
    .addColumn("diff", "text")
    .addColumn("tests", "text", (column) => column.notNull().defaultTo("[]"))
    .addColumn("warnings", "text", (column) => column.notNull().defaultTo("[]"))
    .addColumn("outcome", "text")
    .addColumn("first_error_line", "bigint")
    .addColumn("late_report", "text")
    .addColumn("closure_at_end", "text")
    .addColumn("log_lines", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("log_bytes", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("log_errors", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("log_warnings", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("log_stored", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("log_compacted", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("log_discarded", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  // A host has at most one active run (R12).
  await sql`create unique index runs_one_active on runs (host_id) where state in ('starting', 'running')`.execute(db);
  await sql`create index runs_due on runs (due_at) where due_at is not null`.execute(db);
  await db.schema.createIndex("runs_by_host").on("runs").columns(["host_id", "id"]).execute();
  await db.schema.createIndex("runs_by_state").on("runs").columns(["state", "id"]).execute();

  await db.schema
    .createTable("log_chunks")
    .addColumn("run_id", "text", (column) => column.notNull().references("runs.id").onDelete("cascade"))
    .addColumn("first_line", "bigint", (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("codec", "text", (column) => column.notNull())
    .addColumn("data", types.bytes as ColumnDataType, (column) => column.notNull())
    .addColumn("marks", "text")
    .addPrimaryKeyConstraint("log_chunks_key", ["run_id", "first_line"])
    .execute();

  await db.schema
    .createTable("deployments")
    .addColumn("run_id", "text", (column) => column.primaryKey().references("runs.id").onDelete("cascade"))
    .addColumn("host_id", "text", (column) => column.notNull().references("hosts.id").onDelete("cascade"))
    .addColumn("closure", "text", (column) => column.notNull())
    .addColumn("commit_id", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("generation", "bigint")
    .addColumn("mode", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("deployments_by_host").on("deployments").columns(["host_id", "closure"]).execute();

  await db.schema
    .createTable("audit")
    .addColumn("seq", "bigint", (column) => column.primaryKey())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("who", "text", (column) => column.notNull())
    .addColumn("action", "text", (column) => column.notNull())
    .addColumn("sentence", "text", (column) => column.notNull())
    .addColumn("hosts", "text", (column) => column.notNull())
    .addColumn("run_id", "text")
    .addColumn("address", "text")
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("previous", "text", (column) => column.notNull())
    .addColumn("hash", "text", (column) => column.notNull())
    .execute();

  await db.schema
    .createTable("people")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull().unique())
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("password_hash", "text")
    .addColumn("declared", "integer", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();

  await db.schema
    .createTable("sessions")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("hash", "text", (column) => column.notNull().unique())
    .addColumn("person_id", "text", (column) => column.notNull().references("people.id").onDelete("cascade"))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("agent", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("sessions_by_person").on("sessions").column("person_id").execute();

  await db.schema
    .createTable("idempotency")
    .addColumn("person_id", "text", (column) => column.notNull().references("people.id").onDelete("cascade"))
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("request", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("idempotency_key", ["person_id", "key"])
    .execute();
  await db.schema.createIndex("idempotency_by_age").on("idempotency").column("created_at").execute();

  await db.schema
    .createTable("metrics_history")
    .addColumn("host_id", "text", (column) => column.notNull().references("hosts.id").onDelete("cascade"))
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("cpu", "double precision")
    .addColumn("load", "double precision")
    .addColumn("memory", "double precision")
    .addColumn("network_in", "double precision")
    .addColumn("network_out", "double precision")
    .addPrimaryKeyConstraint("metrics_history_key", ["host_id", "at"])
    .execute();

  await db.schema
    .createTable("target_state")
    .addColumn("key", "text", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .execute();
}
