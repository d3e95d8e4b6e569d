import type { LogLine, RunEvent, RunId } from "@nixfleet/protocol";
import type { Updateable } from "kysely";
import { factsOfReading, type KnownFacts, knownFacts, storeFacts } from "../hosts/index.ts";
import type { Change, RunResultsTable, RunsTable } from "../store/index.ts";
import { advance } from "./advance.ts";
import { appendLines, type LogLimits } from "./log-append.ts";
import { changedColumns, type RunResults, type RunRow, readResults, runOf } from "./records.ts";
import { endedAtOf, type Run } from "./run.ts";
import type { RunEffect } from "./transition.ts";

/** Limits on data that a host could send without end. */
const MAX_TESTS = 1000;
const MAX_WARNINGS = 200;

export interface StoredEvents {
  run: Run;
  before: Run;
  effects: readonly RunEffect[];
  /** Seq of the last stored event. */
  storedSeq: number;
  /** Number of the log's last line if it grew. */
  lastLine: number | null;
  /** Something that a page shows of the run changed, other than its log. */
  changed: boolean;
}

/** Content of the host's events besides the state of the run. */
interface EventContent {
  lines: LogLine[];
  results: Updateable<RunResultsTable>;
  columns: Updateable<RunsTable>;
}

/**
 * Stores the events of one run that are not stored yet and lets each of them have its effect, all in the caller's change.
 * `events` are consecutive. Events up to the row's `stored_seq` were stored before and change nothing (R1, R12). Returns null if the
 * first new one is not the next. Events after the host's own report of the end (E6) are acknowledged and dropped.
 */
export async function storeEvents(
  change: Change,
  row: RunRow,
  events: readonly RunEvent[],
  { now, limits }: { now: number; limits: LogLimits },
): Promise<StoredEvents | null> {
  const before = runOf(row);
  const newEvents = events.filter((event) => event.seq > row.stored_seq);
  const storedSeq = newEvents.at(-1)?.seq ?? row.stored_seq;
  const unchanged: StoredEvents = { run: before, before, effects: [], storedSeq, lastLine: null, changed: false };
  if (newEvents.length === 0) return unchanged;
  if (newEvents.some((event, place) => event.seq !== row.stored_seq + 1 + place)) return null;

  const content: EventContent = { lines: [], results: {}, columns: {} };
  const results = newEvents.some(addsToResults) ? await readResults(change.db, row.id) : null;
  let run = before;
  const effects: RunEffect[] = [];
  for (const event of newEvents) {
    if (isReported(run)) break;
    const facts = await collect(change, row, event, content, results);
    const next = advance(run, { kind: "report", event, facts }, now);
    run = next.run;
    effects.push(...next.effects);
  }

  if (Object.keys(content.results).length > 0) await storeResults(change, row.id, content.results);
  const lastLine =
    content.lines.length === 0
      ? null
      : await appendLines(change, { runId: row.id, hostId: row.host_id, endedAt: endedAtOf(run) }, content.lines, {
          now,
          limits,
        });
  await change.db
    .updateTable("runs")
    .set({ ...content.columns, ...(run === before ? {} : changedColumns(run)), stored_seq: storedSeq })
    .where("id", "=", row.id)
    .execute();
  const changed = run !== before || Object.keys(content.columns).length > 0 || Object.keys(content.results).length > 0;
  return { ...unchanged, run, effects, lastLine, changed };
}

/** Whether the host has reported how the run ended. */
function isReported(run: Run): boolean {
  switch (run.stage) {
    case "queued":
    case "starting":
    case "running":
      return false;
    case "proving":
      return true;
    case "ended":
      return run.outcome.reported || run.lateReport !== null;
  }
}

const addsToResults = ({ kind }: RunEvent) => kind === "testResult" || kind === "warning";

/** Collects the content of an event; returns the known facts of the host if the event needs them. */
async function collect(
  change: Change,
  row: RunRow,
  event: RunEvent,
  { lines, results, columns }: EventContent,
  before: RunResults | null,
): Promise<KnownFacts> {
  switch (event.kind) {
    case "log":
      for (const line of event.lines) lines.push(line);
      return {};
    case "command":
      results.command = event.argv;
      return {};
    case "progress":
      results.progress = event.progress;
      return {};
    case "diff":
      results.diff = event.diff;
      return {};
    case "preview":
      results.preview = event.preview;
      // Valid for the requested commit only.
      if (event.preview.commit !== null && event.preview.commit === row.commit_id) {
        columns.previewed_closure = event.preview.closure;
      }
      return {};
    case "testResult": {
      const tests = results.tests ?? before?.tests ?? [];
      if (tests.length < MAX_TESTS) results.tests = [...tests, event.result];
      return {};
    }
    case "warning": {
      const warnings = results.run_warnings ?? before?.warnings ?? [];
      if (warnings.length < MAX_WARNINGS) results.run_warnings = [...warnings, event.message];
      return {};
    }
    case "deployed":
      await recordDeployment(change, row, event);
      return {};
    case "finished":
      return await factsAtEnd(change, row, event, columns);
    case "started":
      if (event.writer !== undefined) columns.writer_id = event.writer;
      return {};
    case "phase":
    case "armed":
    case "restart":
      return {};
  }
}

/** The known facts of the host when its run has ended, including the event's proof. */
async function factsAtEnd(
  change: Change,
  row: RunRow,
  { proof }: RunEvent & { kind: "finished" },
  columns: Updateable<RunsTable>,
): Promise<KnownFacts> {
  const { host_id: hostId } = row;
  if (hostId === null) return {};
  if (proof !== undefined) {
    await storeFacts(change, hostId, proof, "with-run");
    columns.closure_at_end = proof.facts.running?.closure ?? null;
  }
  const facts = knownFacts(await change.db.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
  // The runner read the proof after its work, whatever the clock says about earlier facts.
  return proof === undefined ? facts : { ...facts, ...factsOfReading(proof) };
}

async function storeResults({ db }: Change, runId: RunId, results: Updateable<RunResultsTable>): Promise<void> {
  await db
    .insertInto("run_results")
    .values({
      run_id: runId,
      command: null,
      progress: null,
      tests: [],
      run_warnings: [],
      preview: null,
      diff: null,
      ...results,
    } as never)
    .onConflict((conflict) => conflict.column("run_id").doUpdateSet(results))
    .execute();
}

async function recordDeployment({ db }: Change, row: RunRow, event: RunEvent & { kind: "deployed" }): Promise<void> {
  if (row.host_id === null) return;
  const { closure, commit, at, generation, mode } = event.deployment;
  const columns = { host_id: row.host_id, closure, commit_id: commit, at, generation: generation ?? null, mode };
  await db
    .insertInto("deployments")
    .values({ run_id: row.id, ...columns })
    .onConflict((conflict) => conflict.column("run_id").doUpdateSet(columns))
    .execute();
}
