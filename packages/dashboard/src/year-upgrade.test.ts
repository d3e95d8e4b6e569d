import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createAudit } from "./audit/index.ts";
import { openTestStore } from "./store/store.fixture.ts";
import { createYearDatabase } from "./year-database.fixture.ts";
import type { YearSize } from "./year-of-runs.fixture.ts";

/** Tables of history with the order of their rows. */
const TABLES = {
  runs: "id",
  run_results: "run_id",
  run_logs: "run_id",
  log_chunks: "run_id, first_line",
  log_usage: "host_id",
  deployments: "run_id",
  audit: "seq",
  audit_hosts: "seq",
  hosts: "id",
  host_facts: "host_id, name",
  host_tokens: "host_id",
  metrics_history: "host_id, at",
};

/** Every row, but for who a run's actor was: earlier versions knew the name alone. */
function rowsOf(path: string): Record<string, unknown[]> {
  const database = new DatabaseSync(path, { readOnly: true });
  const tables = Object.entries(TABLES).map(([table, order]) => {
    const rows = database.prepare(`select * from ${table} order by ${order}`).all();
    return [table, rows.map((row) => ({ ...row, actor_id: null }))] as const;
  });
  const [integrity] = database.prepare("pragma integrity_check").all();
  database.close();
  expect(integrity).toEqual({ integrity_check: "ok" });
  return Object.fromEntries(tables);
}

test("R42: a year of runs that the version before has kept is, row for row, what this version would have kept", async () => {
  await using folder = await createTempDir();
  const upgraded = join(folder.path, "nixfleet.db");
  const expected = join(folder.path, "expected.db");
  const size: YearSize = { hosts: 5, runsPerHost: 500, plainLogs: 3, metrics: true, now: Date.UTC(2026, 10, 1) };
  await createYearDatabase(upgraded, size, "0002");
  await createYearDatabase(expected, size);

  const { store } = await openTestStore({ path: upgraded });
  expect(await createAudit({ store }).verify()).toMatchObject({ ok: true, entries: 2500 });
  await store.close();

  const now = rowsOf(upgraded);
  for (const [table, rows] of Object.entries(rowsOf(expected))) {
    expect({ table, count: now[table]?.length }).toEqual({ table, count: rows.length });
    const different = rows.findIndex((row, place) => JSON.stringify(row) !== JSON.stringify(now[table]?.[place]));
    expect({ table, was: now[table]?.[different], row: rows[different] }).toEqual({ table, was: undefined, row: undefined });
  }
});
