import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { Kysely } from "kysely";
import type { PhaseRecord } from "./store/index.ts";
import { AUDIT_GENESIS, auditHash } from "./store/index.ts";
import { migrate, migrations } from "./store/migrations.ts";
import { openSqlite } from "./store/sqlite.ts";

export type { YearHost, YearSize } from "./year-of-runs.fixture.ts";

import { hostsOfYear, runsOfYear, tokenHash, type YearHost, type YearRun, type YearSize } from "./year-of-runs.fixture.ts";

type Values = Record<string, SQLInputValue>;
type Insert = (table: string, values: Values) => void;

/** How a version of the schema keeps a year. */
interface Layout {
  readonly upTo: string;
  run(insert: Insert, run: YearRun, logged: { stored: number }): void;
  audit(insert: Insert, entry: Values, host: YearHost): void;
}

const SPAN = 5 * 60_000;
const SPANS_OF_DAY = 288;

/** Makes a database with a year of runs, of this program's schema or of the one before, and gives its hosts. */
export async function createYearDatabase(
  path: string,
  size: YearSize,
  version: "current" | "0002" = "current",
): Promise<YearHost[]> {
  const layout = version === "current" ? CURRENT : BEFORE;
  const known = Object.fromEntries(Object.entries(migrations({ bytes: "blob" })).filter(([name]) => name <= layout.upTo));
  const db = new Kysely<unknown>({ dialect: openSqlite(path).dialect });
  await migrate(db, known, async () => {});
  await db.destroy();

  const database = new DatabaseSync(path);
  // Who loses this database makes it again.
  database.exec("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; PRAGMA cache_size = -200000; BEGIN");
  const hosts = hostsOfYear(size);
  fill(createInsert(database), layout, size, hosts);
  // Flushed now: else whoever commits first would wait for all of it.
  database.exec("COMMIT; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  return hosts;
}

function createInsert(database: DatabaseSync): Insert {
  const statements = new Map<string, StatementSync>();
  return (table, values) => {
    const names = Object.keys(values);
    const key = `${table} ${names.join(" ")}`;
    let statement = statements.get(key);
    if (statement === undefined) {
      const columns = names.map((name) => `"${name}"`).join(", ");
      statement = database.prepare(`insert into ${table} (${columns}) values (${names.map(() => "?").join(", ")})`);
      statements.set(key, statement);
    }
    statement.run(...Object.values(values));
  };
}

function fill(insert: Insert, layout: Layout, size: YearSize, hosts: readonly YearHost[]): void {
  for (const host of hosts) insertHost(insert, host, size.now);
  const stored = new Map<string, number>();
  let seq = 0;
  let previous = AUDIT_GENESIS;
  for (const run of runsOfYear(size, hosts)) {
    const { host, log } = run;
    const data = log === null ? null : run.packed ? log.zstd : log.plain;
    layout.run(insert, run, { stored: data?.byteLength ?? 0 });
    stored.set(host.id, (stored.get(host.id) ?? 0) + (data?.byteLength ?? 0));
    if (log !== null && data !== null) {
      const marks = log.marks === null ? null : JSON.stringify(log.marks);
      const codec = run.packed ? "zstd" : "plain";
      insert("log_chunks", { run_id: run.id, first_line: 1, count: log.lines, codec, data, marks });
    }
    if (run.deployed !== null) {
      const { id: run_id, deployed: closure, commit: commit_id, endedAt: at } = run;
      insert("deployments", { run_id, host_id: host.id, closure, commit_id, at, generation: run.number, mode: "switch" });
    }
    seq += 1;
    const entry = {
      seq,
      at: run.createdAt,
      who: WHO[run.number % WHO.length] ?? "ada",
      action: "run.start",
      sentence: `ada asked for “${run.op}” on ${host.name}.`,
      hosts: JSON.stringify([{ id: host.id, name: host.name }]),
      run_id: run.id,
      address: "192.0.2.1",
      outcome: "done" as const,
      previous,
    };
    previous = auditHash({ ...entry, actor_kind: null, actor_id: null, area: "run" });
    layout.audit(insert, { ...entry, hash: previous }, host);
  }
  if (layout === CURRENT) for (const [host_id, bytes] of stored) insert("log_usage", { host_id, stored: bytes });
  if (size.metrics) for (const host of hosts) insertMetrics(insert, host, size.now);
}

const WHO = ["ada", "grace", "linus"];

function insertHost(insert: Insert, host: YearHost, now: number): void {
  const { id, name, addedAt } = host;
  insert("hosts", {
    id,
    name,
    name_key: name,
    platform: "nixos",
    notes: "",
    added_at: addedAt,
    hostname: name,
    policy: JSON.stringify(host.policy),
    settings: JSON.stringify(host.settings),
    first_connected_at: addedAt,
    last_seen_at: now,
  });
  insert("host_tokens", {
    host_id: id,
    hash: tokenHash(host),
    created_at: addedAt,
    last_used_at: now,
    last_used_from: "192.0.2.7",
  });
  for (const [fact, value] of Object.entries(host.facts)) {
    insert("host_facts", { host_id: id, name: fact, value: JSON.stringify(value), read_at: now });
  }
}

function insertMetrics(insert: Insert, { id: host_id }: YearHost, now: number): void {
  const last = Math.floor(now / SPAN) * SPAN;
  for (let span = 1; span <= SPANS_OF_DAY; span += 1) {
    const at = last - span * SPAN;
    insert("metrics_history", { host_id, at, cpu: 0.2, load: 0.5, memory: 0.4, network_in: 1000, network_out: 2000 });
  }
}

/** Columns that every version names alike. */
function sharedColumns(run: YearRun): Values {
  return {
    id: run.id,
    number: run.number,
    host_id: run.host.id,
    op: run.op,
    args: JSON.stringify(run.args),
    force: 0,
    state: run.state,
    commit_id: run.commit,
    subject: "Update inputs",
    deadline: 3_600_000,
    created_at: run.createdAt,
    sent_at: run.createdAt + 10,
    started_at: run.createdAt + 50,
    ended_at: run.endedAt,
    link_lost: 0,
    stored_seq: 40,
    closure_at_end: run.deployed,
    previewed_closure: run.preview?.closure ?? null,
  };
}

const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
const COMMAND = JSON.stringify(["nix", "build", "--no-link", ".#nixosConfigurations.host.config.system.build.toplevel"]);
const deployedBy = (run: YearRun) =>
  run.deployed === null ? null : { closure: run.deployed, commit: run.commit, mode: "switch" };

const CURRENT: Layout = {
  upTo: "9999",
  run(insert, run, { stored }) {
    const { log } = run;
    insert("runs", {
      ...sharedColumns(run),
      host_name: run.host.name,
      actor_kind: "person",
      actor_id: "1",
      actor_name: "ada",
      slow: 0,
      phases: JSON.stringify(run.phases),
      deployed: json(deployedBy(run)),
      run_outcome: JSON.stringify(run.outcome),
    });
    const { id: run_id, diff } = run;
    insert("run_results", { run_id, command: COMMAND, tests: "[]", run_warnings: "[]", preview: json(run.preview), diff });
    if (log === null) return;
    insert("run_logs", {
      run_id,
      lines: log.lines,
      bytes: log.bytes,
      errors: 0,
      warnings: log.marks?.warnings.length ?? 0,
      first_error_line: null,
      stored,
      truncated: 0,
      discarded: 0,
      pack_after: run.packed ? null : run.endedAt,
      ended_at: run.endedAt,
    });
  },
  audit(insert, entry, { id, name }) {
    insert("audit", { ...entry, area: "run" });
    insert("audit_hosts", { seq: entry.seq ?? null, host_id: id, name_key: name });
  },
};

/** The last schema before runs, their results and their logs were put apart. */
const BEFORE: Layout = {
  upTo: "0002-confirmation",
  run(insert, run, { stored }) {
    const { log } = run;
    const phases: readonly PhaseRecord[] = run.phases;
    insert("runs", {
      ...sharedColumns(run),
      by: "ada",
      progress_state: JSON.stringify({ slow: false, phases, deployed: deployedBy(run), awaitedProof: null }),
      command: COMMAND,
      diff: run.diff,
      preview: json(run.preview),
      outcome: JSON.stringify(run.outcome),
      log_lines: log?.lines ?? 0,
      log_bytes: log?.bytes ?? 0,
      log_warnings: log?.marks?.warnings.length ?? 0,
      log_stored: stored,
      log_compacted: run.packed ? 1 : 0,
    });
  },
  audit: (insert, entry) => insert("audit", entry),
};
