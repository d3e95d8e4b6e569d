import type { HostId, LogLine, RunEvent, RunId } from "@nixfleet/protocol";
import type { Updateable } from "kysely";
import { factsRead, type KnownFacts, knownFacts, storeFacts } from "../hosts/index.ts";
import type { Change, RunsTable } from "../store/index.ts";
import { advance, type RunEffect } from "./advance.ts";
import { appendLines } from "./log.ts";
import { changedColumns, detailsOf, type RunRow, runOf } from "./records.ts";
import type { Run } from "./run.ts";

/** What is kept of what a host may send without end. */
const KEPT_TESTS = 1000;
const KEPT_WARNINGS = 200;

export interface StoredEvents {
  run: Run;
  before: Run;
  effects: readonly RunEffect[];
  /** Seq of the last event that is stored now. */
  storedSeq: number;
  /** Number of the log's last line if it grew. */
  lastLine: number | null;
  /** Anything that a page shows of the run changed, its log apart. */
  changed: boolean;
}

/**
 * Stores the events of one run that are not stored yet and lets each of them have its effect, all in the caller's change.
 * `events` follow one another; those up to the row's `stored_seq` were stored before and change nothing (R1, R12). The first of the
 * others must be the next one: null if it is not.
 */
export async function storeEvents(
  change: Change,
  row: RunRow,
  events: readonly RunEvent[],
  now: number,
): Promise<StoredEvents | null> {
  const before = runOf(row);
  const fresh = events.filter((event) => event.seq > row.stored_seq);
  const result: StoredEvents = {
    run: before,
    before,
    effects: [],
    storedSeq: row.stored_seq,
    lastLine: null,
    changed: false,
  };
  if (fresh.length === 0) return result;
  if (fresh.some((event, place) => event.seq !== row.stored_seq + 1 + place)) return null;

  const lines: LogLine[] = [];
  const columns: Updateable<RunsTable> = {};
  const details = detailsOf(row);
  for (const event of fresh) {
    let facts: KnownFacts = {};
    switch (event.kind) {
      case "log":
        for (const line of event.lines) lines.push(line);
        break;
      case "command":
        columns.command = JSON.stringify(event.argv);
        break;
      case "progress":
        columns.progress = JSON.stringify(event.progress);
        break;
      case "diff":
        columns.diff = JSON.stringify(event.diff);
        break;
      case "preview":
        columns.preview = JSON.stringify(event.preview);
        // It says something of the commit that was asked about, and of no other.
        if (event.preview.commit !== null && event.preview.commit === before.commit) {
          columns.previewed_closure = event.preview.closure;
        }
        break;
      case "testResult":
        if (details.tests.length < KEPT_TESTS) columns.tests = JSON.stringify([...details.tests, event.result]);
        details.tests.push(event.result);
        break;
      case "warning":
        if (details.warnings.length < KEPT_WARNINGS) columns.warnings = JSON.stringify([...details.warnings, event.message]);
        details.warnings.push(event.message);
        break;
      case "deployed":
        await recordDeployment(change, before, event);
        break;
      case "finished":
        if (event.proof !== undefined) {
          await storeFacts(change, before.hostId, event.proof, "with-run");
          columns.closure_at_end = event.proof.facts.running?.closure ?? null;
        }
        facts = knownFacts(await change.db.selectFrom("host_facts").selectAll().where("host_id", "=", before.hostId).execute());
        // The runner read the proof after its work, whatever the host's clock says of the facts before.
        if (event.proof !== undefined) facts = { ...facts, ...factsRead(event.proof) };
        break;
      default:
        break;
    }
    const next = advance(result.run, { kind: "report", event, facts }, now);
    result.run = next.run;
    result.effects = [...result.effects, ...next.effects];
  }
  result.changed = result.run !== before || Object.keys(columns).length > 0;
  result.storedSeq = fresh.at(-1)?.seq ?? row.stored_seq;

  if (lines.length > 0) {
    const added = await appendLines(change.db, before.id, row.log_lines, lines);
    result.lastLine = row.log_lines + added.lines;
    columns.log_lines = result.lastLine;
    columns.log_bytes = row.log_bytes + added.bytes;
    columns.log_errors = row.log_errors + added.errors;
    columns.log_warnings = row.log_warnings + added.warnings;
    columns.log_stored = row.log_stored + added.stored;
    columns.log_compacted = 0;
    if (added.firstError !== null && row.first_error_line === null) columns.first_error_line = added.firstError;
  }
  await change.db
    .updateTable("runs")
    .set({ ...columns, ...(result.run === before ? {} : changedColumns(result.run)), stored_seq: result.storedSeq })
    .where("id", "=", before.id)
    .execute();
  return result;
}

async function recordDeployment({ db }: Change, run: Run, event: RunEvent & { kind: "deployed" }): Promise<void> {
  const { closure, commit, at, generation, mode } = event.deployment;
  const columns = { host_id: run.hostId, closure, commit_id: commit, at, generation: generation ?? null, mode };
  await db
    .insertInto("deployments")
    .values({ run_id: run.id, ...columns })
    .onConflict((conflict) => conflict.column("run_id").doUpdateSet(columns))
    .execute();
}

/** The row of a run if it is this host's: a host speaks for nobody else (R51). */
export async function rowOfHost({ db }: Change, hostId: HostId, runId: RunId): Promise<RunRow | undefined> {
  return await db.selectFrom("runs").selectAll().where("id", "=", runId).where("host_id", "=", hostId).executeTakeFirst();
}
