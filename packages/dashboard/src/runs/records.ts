import type { BuildProgress, ClosureDiff, OpRequest, Preview, TestResult } from "@nixfleet/protocol";
import type { Insertable, Selectable, Updateable } from "kysely";
import type { Reader, RunLogsTable, RunResultsTable, RunsTable } from "../store/index.ts";
import { dueAt } from "./advance.ts";
import { phasesOf, type Run, type RunOrder } from "./run.ts";

export type RunRow = Selectable<RunsTable>;

/** The results of a run. */
export interface RunResults {
  command: string[] | null;
  progress: BuildProgress | null;
  tests: TestResult[];
  warnings: string[];
  preview: Preview | null;
  diff: ClosureDiff | null;
}

const NO_RESULTS: RunResults = { command: null, progress: null, tests: [], warnings: [], preview: null, diff: null };

/** The log counts of a run without output. */
export const NO_LOG: Omit<RunLogsTable, "run_id"> = {
  lines: 0,
  bytes: 0,
  errors: 0,
  warnings: 0,
  first_error_line: null,
  stored: 0,
  truncated: false,
  discarded: false,
  pack_after: null,
  ended_at: null,
};

/** A row that no run can have, so this program did not write it. */
export class BrokenRun extends Error {
  override name = "BrokenRun";
}

function orderOf(row: RunRow): RunOrder {
  return {
    id: row.id,
    hostId: row.host_id,
    hostName: row.host_name,
    request: { op: row.op, args: row.args } as OpRequest,
    sourceId: row.source_id,
    commit: row.commit_id,
    deadline: row.deadline,
    createdAt: row.created_at,
    actor: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name },
    force: row.force,
  };
}

/** A run as `advance` takes it. */
export function runOf(row: RunRow): Run {
  const order = orderOf(row);
  const cancel = row.cancel_requested_at === null ? null : { at: row.cancel_requested_at, by: row.cancel_requested_by };
  const { phases, deployed } = row;
  if (row.state === "queued") {
    return {
      ...order,
      stage: "queued",
      state: "queued",
      queueReason: row.queue_reason ?? "host-busy",
      hold: row.hold,
      waitingSince: row.waiting_since ?? row.created_at,
    };
  }
  if (row.state === "starting" || row.state === "running") {
    const sentAt = row.sent_at ?? row.created_at;
    const { inquiry, reopened, link_lost: linkLost, confirm_secret: confirmSecret } = row;
    const sent = { ...order, sentAt, cancel, linkLost, confirmSecret, inquiry, reopened };
    if (row.state === "starting") return { ...sent, stage: "starting", state: "starting" };
    const running = {
      ...sent,
      state: "running" as const,
      startedAt: row.started_at ?? sentAt,
      slow: row.slow,
      phases,
      deployed,
      armed: row.armed,
    };
    if (row.awaited_proof === null) return { ...running, stage: "running" };
    return { ...running, stage: "proving", awaitedProof: row.awaited_proof };
  }
  if (row.ended_at === null || row.run_outcome === null) {
    throw new BrokenRun(`Run ${row.id} has ended without a time or an outcome`);
  }
  return {
    ...order,
    stage: "ended",
    state: row.state,
    endedAt: row.ended_at,
    outcome: row.run_outcome,
    lateReport: row.late_report,
    sentAt: row.sent_at,
    startedAt: row.started_at,
    cancel,
    phases,
    deployed,
    reopened: row.reopened,
    confirmSecret: row.confirm_secret,
  };
}

/** The columns that `advance` may have changed. */
export function changedColumns(run: Run): Updateable<RunsTable> {
  const sent = run.stage === "queued" ? null : run;
  const active = run.stage === "queued" || run.stage === "ended" ? null : run;
  const inquiry = run.stage === "starting" || run.stage === "running" ? run.inquiry : null;
  const working = run.stage === "running" || run.stage === "proving" ? run : null;
  const ended = run.stage === "ended" ? run : null;
  return {
    state: run.state,
    queue_reason: run.stage === "queued" ? run.queueReason : null,
    hold: run.stage === "queued" ? run.hold : null,
    waiting_since: run.stage === "queued" ? run.waitingSince : null,
    sent_at: sent?.sentAt ?? null,
    started_at: working?.startedAt ?? ended?.startedAt ?? null,
    ended_at: ended?.endedAt ?? null,
    cancel_requested_at: sent?.cancel?.at ?? null,
    cancel_requested_by: sent?.cancel?.by ?? null,
    link_lost: active?.linkLost ?? false,
    slow: working?.slow ?? false,
    phases: [...phasesOf(run)],
    deployed: working?.deployed ?? ended?.deployed ?? null,
    awaited_proof: run.stage === "proving" ? run.awaitedProof : null,
    armed: working?.armed ?? null,
    confirm_secret: sent?.confirmSecret ?? null,
    inquiry,
    reopened: sent?.reopened ?? false,
    run_outcome: ended?.outcome ?? null,
    late_report: ended?.lateReport ?? null,
    due_at: dueAt(run),
  };
}

/** The row of a new run. */
export function newRow(
  run: Run,
  { number, subject, requestKey = null }: { number: number; subject: string | null; requestKey?: string | null },
): Insertable<RunsTable> {
  return {
    id: run.id,
    number,
    host_id: run.hostId,
    host_name: run.hostName,
    op: run.request.op,
    args: run.request.args,
    force: run.force,
    actor_kind: run.actor.kind,
    actor_id: run.actor.id,
    actor_name: run.actor.name,
    request_key: requestKey,
    source_id: run.sourceId,
    commit_id: run.commit,
    subject,
    deadline: run.deadline,
    created_at: run.createdAt,
    stored_seq: 0,
    writer_id: null,
    closure_at_end: null,
    previewed_closure: null,
    pruned_at: null,
    ...changedColumns(run),
  } as Insertable<RunsTable>;
}

/** Reads the results of a run; empty if none are stored. */
export async function readResults(db: Reader, runId: string): Promise<RunResults> {
  const row = await db
    .selectFrom("run_results")
    .selectAll()
    .where("run_id", "=", runId as RunRow["id"])
    .executeTakeFirst();
  return row === undefined ? NO_RESULTS : resultsOf(row);
}

function resultsOf({ command, progress, tests, run_warnings, preview, diff }: Selectable<RunResultsTable>): RunResults {
  return { command, progress, tests, warnings: run_warnings, preview, diff };
}

/** The part of a run's results that a summary needs: progress of the current phase. */
export type RunShare = Pick<RunResults, "progress" | "tests">;
export const NO_SHARE: RunShare = { progress: null, tests: [] };
