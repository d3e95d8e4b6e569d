import { type Kysely, sql } from "kysely";

/**
 * Prepares the schema for a year of runs, several sources and all kinds of actors: splits a run's results and log from its state, keeps
 * runs of removed hosts, stores log totals per host, and adds an index for each query on the event loop's path.
 * Tables are recreated where SQLite cannot alter a constraint (https://www.sqlite.org/lang_altertable.html, section 7). For this reason,
 * migrations run with foreign keys disabled and check them at the end. Data is moved by SQLite-specific statements, since no other
 * database contains data of an earlier version.
 */
export async function makeRoomForHistory(db: Kysely<unknown>): Promise<void> {
  const old = await sql<{ found: number }>`select count(*) as found from (select id from runs limit 1)`.execute(db);
  const hasRuns = (old.rows[0]?.found ?? 0) > 0;
  await createSources(db);
  await createRuns(db);
  if (hasRuns) await moveRuns(db);
  await replaceTable(db, "runs");
  await createRunIndexes(db);
  await createDeployments(db);
  await extendAudit(db);
  await createIdempotency(db);
  await db.schema.createIndex("metrics_history_by_time").on("metrics_history").column("at").execute();
}

async function replaceTable(db: Kysely<unknown>, name: string): Promise<void> {
  await db.schema.dropTable(name).execute();
  await db.schema.alterTable(`${name}_next`).renameTo(name).execute();
}

async function createSources(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("sources")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("url", "text", (column) => column.notNull())
    .addColumn("branch", "text", (column) => column.notNull())
    .addColumn("state", "text")
    .execute();
  await db.schema.dropTable("target_state").execute();
  await db.schema.alterTable("hosts").addColumn("source_id", "text").execute();
}

async function createRuns(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("runs_next")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("number", "integer", (column) => column.notNull().unique())
    .addColumn("host_id", "text")
    .addColumn("host_name", "text")
    .addColumn("op", "text", (column) => column.notNull())
    .addColumn("args", "text", (column) => column.notNull())
    .addColumn("force", "integer", (column) => column.notNull())
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("queue_reason", "text")
    .addColumn("hold", "text")
    .addColumn("waiting_since", "bigint")
    .addColumn("actor_kind", "text", (column) => column.notNull())
    .addColumn("actor_id", "text")
    .addColumn("actor_name", "text", (column) => column.notNull())
    .addColumn("request_key", "text", (column) => column.unique())
    .addColumn("source_id", "text")
    .addColumn("commit_id", "text")
    .addColumn("subject", "text")
    .addColumn("deadline", "bigint", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("sent_at", "bigint")
    .addColumn("started_at", "bigint")
    .addColumn("ended_at", "bigint")
    .addColumn("cancel_requested_at", "bigint")
    .addColumn("cancel_requested_by", "text")
    .addColumn("link_lost", "integer", (column) => column.notNull())
    .addColumn("slow", "integer", (column) => column.notNull())
    .addColumn("phases", "text", (column) => column.notNull())
    .addColumn("deployed", "text")
    .addColumn("awaited_proof", "text")
    .addColumn("armed", "text")
    .addColumn("confirm_secret", "text")
    .addColumn("run_outcome", "text")
    .addColumn("late_report", "text")
    .addColumn("due_at", "bigint")
    .addColumn("stored_seq", "bigint", (column) => column.notNull())
    .addColumn("closure_at_end", "text")
    .addColumn("previewed_closure", "text")
    .addColumn("pruned_at", "bigint")
    .execute();
  await db.schema
    .createTable("run_results")
    .addColumn("run_id", "text", (column) => column.primaryKey().references("runs.id").onDelete("cascade"))
    .addColumn("command", "text")
    .addColumn("progress", "text")
    .addColumn("tests", "text", (column) => column.notNull())
    .addColumn("run_warnings", "text", (column) => column.notNull())
    .addColumn("preview", "text")
    .addColumn("diff", "text")
    .execute();
  await db.schema
    .createTable("run_logs")
    .addColumn("run_id", "text", (column) => column.primaryKey().references("runs.id").onDelete("cascade"))
    .addColumn("lines", "bigint", (column) => column.notNull())
    .addColumn("bytes", "bigint", (column) => column.notNull())
    .addColumn("errors", "bigint", (column) => column.notNull())
    .addColumn("warnings", "bigint", (column) => column.notNull())
    .addColumn("first_error_line", "bigint")
    .addColumn("stored", "bigint", (column) => column.notNull())
    .addColumn("truncated", "integer", (column) => column.notNull())
    .addColumn("discarded", "integer", (column) => column.notNull())
    .addColumn("pack_after", "bigint")
    .addColumn("ended_at", "bigint")
    .execute();
  await db.schema
    .createTable("log_usage")
    .addColumn("host_id", "text", (column) => column.primaryKey())
    .addColumn("stored", "bigint", (column) => column.notNull())
    .execute();
}

async function moveRuns(db: Kysely<unknown>): Promise<void> {
  await sql`
    insert into runs_next (id, number, host_id, host_name, op, args, force, state, queue_reason, actor_kind, actor_name, request_key,
      commit_id, subject, deadline, created_at, sent_at, started_at, ended_at, cancel_requested_at, cancel_requested_by, link_lost, slow,
      phases, deployed, awaited_proof, armed, confirm_secret, run_outcome, late_report, due_at, stored_seq, closure_at_end,
      previewed_closure)
    select id, number, host_id, (select name from hosts where hosts.id = runs.host_id), op, args, force, state, queue_reason, 'person',
      "by", request_key, commit_id, subject, deadline, created_at, sent_at, started_at, ended_at, cancel_asked_at, cancel_asked_by,
      link_lost, coalesce(json_extract(progress_state, '$.slow'), 0), coalesce(json_extract(progress_state, '$.phases'), '[]'),
      json_extract(progress_state, '$.deployed'),
      case when json_type(progress_state, '$.awaitedProof') = 'object'
        then json_insert(json_extract(progress_state, '$.awaitedProof'), '$.reason', null) end,
      armed, confirm_secret, outcome, late_report, due_at, stored_seq, closure_at_end, previewed_closure
    from runs`.execute(db);
  await sql`
    insert into run_results (run_id, command, progress, tests, run_warnings, preview, diff)
    select id, command, progress, tests, warnings, preview, diff from runs
    where command is not null or progress is not null or tests <> '[]' or warnings <> '[]' or preview is not null or diff is not null`.execute(
    db,
  );
  await sql`
    insert into run_logs (run_id, lines, bytes, errors, warnings, first_error_line, stored, truncated, discarded, pack_after, ended_at)
    select id, log_lines, log_bytes, log_errors, log_warnings, first_error_line, log_stored, 0, log_discarded,
      case when log_compacted = 0 and log_stored > 0 then coalesce(ended_at, created_at) end,
      case when log_stored > 0 then ended_at end
    from runs where log_lines > 0`.execute(db);
  await sql`
    insert into log_usage (host_id, stored) select host_id, sum(log_stored) from runs group by host_id having sum(log_stored) > 0`.execute(
    db,
  );
}

async function createRunIndexes(db: Kysely<unknown>): Promise<void> {
  // Guarantees at most one active run per host (R12).
  await sql`create unique index runs_one_active on runs (host_id) where state in ('starting', 'running')`.execute(db);
  await sql`create index runs_due on runs (due_at) where due_at is not null`.execute(db);
  // `ended_at` is part of the key as well: without statistics, SQLite prefers the index that matches more columns.
  await sql`create index runs_unfinished on runs (host_id, ended_at, id) where ended_at is null`.execute(db);
  await sql`create index runs_previewed on runs (host_id, previewed_closure, state, id) where previewed_closure is not null`.execute(
    db,
  );
  await sql`create index runs_previewed_commit on runs (host_id, previewed_closure, state, commit_id)
    where previewed_closure is not null`.execute(db);
  await sql`create index runs_to_prune on runs (ended_at, id) where pruned_at is null and ended_at is not null`.execute(db);
  await sql`create index runs_kept_by_host on runs (host_id, pruned_at, id) where pruned_at is null`.execute(db);
  await db.schema.createIndex("runs_by_host").on("runs").columns(["host_id", "id"]).execute();
  await db.schema.createIndex("runs_by_host_and_op").on("runs").columns(["host_id", "op", "id"]).execute();
  await db.schema.createIndex("runs_by_host_op_and_state").on("runs").columns(["host_id", "op", "state", "id"]).execute();
  await db.schema.createIndex("runs_by_host_and_state").on("runs").columns(["host_id", "state", "id"]).execute();
  await db.schema.createIndex("runs_by_op_and_state").on("runs").columns(["op", "state", "id"]).execute();
  await db.schema.createIndex("runs_by_op").on("runs").columns(["op", "id"]).execute();
  await db.schema.createIndex("runs_by_state").on("runs").columns(["state", "id"]).execute();
  await sql`create index run_logs_to_pack on run_logs (pack_after) where pack_after is not null`.execute(db);
  await sql`create index run_logs_by_age on run_logs (ended_at) where ended_at is not null`.execute(db);
  await sql`create index log_chunks_plain on log_chunks (run_id, first_line) where codec = 'plain'`.execute(db);
}

async function createDeployments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("deployments_next")
    .addColumn("run_id", "text", (column) => column.primaryKey().references("runs.id").onDelete("cascade"))
    .addColumn("host_id", "text", (column) => column.notNull())
    .addColumn("closure", "text", (column) => column.notNull())
    .addColumn("commit_id", "text")
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("generation", "bigint")
    .addColumn("mode", "text", (column) => column.notNull())
    .execute();
  const columns = ["run_id", "host_id", "closure", "commit_id", "at", "generation", "mode"] as const;
  const tables = db as Kysely<Record<"deployments" | "deployments_next", Record<(typeof columns)[number], unknown>>>;
  await tables
    .insertInto("deployments_next")
    .columns(columns)
    .expression(tables.selectFrom("deployments").select(columns))
    .execute();
  await replaceTable(db, "deployments");
  await db.schema.createIndex("deployments_by_closure").on("deployments").columns(["host_id", "closure", "run_id"]).execute();
  await db.schema.createIndex("deployments_by_host").on("deployments").columns(["host_id", "run_id"]).execute();
}

async function extendAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("audit").addColumn("actor_kind", "text").execute();
  await db.schema.alterTable("audit").addColumn("actor_id", "text").execute();
  await db.schema
    .alterTable("audit")
    .addColumn("area", "text", (column) => column.notNull().defaultTo(""))
    .execute();
  await db.schema
    .createTable("audit_hosts")
    .addColumn("seq", "bigint", (column) => column.notNull())
    .addColumn("host_id", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull())
    .execute();
  const entries = await sql<{ found: number }>`select count(*) as found from (select seq from audit limit 1)`.execute(db);
  if ((entries.rows[0]?.found ?? 0) > 0) {
    await sql`update audit set area = substr(action, 1, instr(action || '.', '.') - 1)`.execute(db);
    await sql`
      insert into audit_hosts (seq, host_id, name_key)
      select seq, json_extract(host.value, '$.id'), lower(json_extract(host.value, '$.name')) from audit, json_each(audit.hosts) as host`.execute(
      db,
    );
  }
  await db.schema.createIndex("audit_by_who").on("audit").columns(["who", "seq"]).execute();
  await db.schema.createIndex("audit_by_action").on("audit").columns(["action", "seq"]).execute();
  await db.schema.createIndex("audit_by_area").on("audit").columns(["area", "seq"]).execute();
  await sql`create index audit_by_run on audit (run_id) where run_id is not null`.execute(db);
  await db.schema.createIndex("audit_hosts_by_id").on("audit_hosts").columns(["host_id", "seq"]).execute();
  await db.schema.createIndex("audit_hosts_by_name").on("audit_hosts").columns(["name_key", "seq"]).execute();
}

/** Stored answers are not migrated: they expire after a day, and they do not name the session by which answers are now found. */
async function createIdempotency(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("idempotency_next")
    .addColumn("principal", "text", (column) => column.notNull())
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("request", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("idempotency_principal_key", ["principal", "key"])
    .execute();
  await replaceTable(db, "idempotency");
  await db.schema.createIndex("idempotency_by_age").on("idempotency").column("created_at").execute();
}
