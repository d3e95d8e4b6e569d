import type {
  BuildProgress,
  ClosureDiff,
  HostId,
  OpRequest,
  Preview,
  QueueReason,
  RunId,
  RunState,
  TestResult,
} from "@nixfleet/protocol";
import type { Insertable, Selectable, Updateable } from "kysely";
import type { RunsTable } from "../store/index.ts";
import { dueAt } from "./advance.ts";
import type { Armed, AwaitedProof, Run, RunOutcome } from "./run.ts";

/** What `progress_state` holds. */
type Kept = Pick<Run, "slow" | "phases" | "deployed" | "awaitedProof">;
/** The same as an earlier version may have stored it: while a run waited for its proof, the reason was not kept. */
type Stored = Omit<Kept, "awaitedProof"> & {
  awaitedProof: (Omit<AwaitedProof, "reason"> & Partial<Pick<AwaitedProof, "reason">>) | null;
};

export type RunRow = Selectable<RunsTable>;

/** What a row holds of a run beside what `advance` decides on. */
export interface RunDetails {
  number: number;
  subject: string | null;
  storedSeq: number;
  command: string[] | null;
  progress: BuildProgress | null;
  diff: ClosureDiff | null;
  preview: Preview | null;
  tests: TestResult[];
  warnings: string[];
  firstErrorLine: number | null;
  log: { lines: number; bytes: number; errors: number; warnings: number; discarded: boolean };
}

/** A run as `advance` takes it. */
export function runOf(row: RunRow): Run {
  const { awaitedProof, ...kept } = JSON.parse(row.progress_state) as Stored;
  return {
    id: row.id as RunId,
    hostId: row.host_id as HostId,
    request: { op: row.op, args: JSON.parse(row.args) } as OpRequest,
    commit: row.commit_id,
    deadline: row.deadline,
    createdAt: row.created_at,
    askedBy: row.by,
    force: row.force === 1,
    state: row.state as RunState,
    queueReason: row.queue_reason as QueueReason | null,
    sentAt: row.sent_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    cancelAskedAt: row.cancel_asked_at,
    cancelAskedBy: row.cancel_asked_by,
    linkLost: row.link_lost === 1,
    ...kept,
    awaitedProof: awaitedProof === null ? null : { ...awaitedProof, reason: awaitedProof.reason ?? null },
    armed: row.armed === null ? null : (JSON.parse(row.armed) as Armed),
    confirmSecret: row.confirm_secret,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as RunOutcome),
    lateReport: row.late_report,
  };
}

export function detailsOf(row: RunRow): RunDetails {
  const read = (json: string | null): unknown => (json === null ? null : JSON.parse(json));
  return {
    number: row.number,
    subject: row.subject,
    storedSeq: row.stored_seq,
    command: read(row.command) as string[] | null,
    progress: read(row.progress) as BuildProgress | null,
    diff: read(row.diff) as ClosureDiff | null,
    preview: read(row.preview) as Preview | null,
    tests: JSON.parse(row.tests) as TestResult[],
    warnings: JSON.parse(row.warnings) as string[],
    firstErrorLine: row.first_error_line,
    log: {
      lines: row.log_lines,
      bytes: row.log_bytes,
      errors: row.log_errors,
      warnings: row.log_warnings,
      discarded: row.log_discarded === 1,
    },
  };
}

/** The columns that `advance` may have changed. */
export function changedColumns(run: Run): Updateable<RunsTable> {
  const kept: Kept = { slow: run.slow, phases: run.phases, deployed: run.deployed, awaitedProof: run.awaitedProof };
  return {
    state: run.state,
    queue_reason: run.queueReason,
    sent_at: run.sentAt,
    started_at: run.startedAt,
    ended_at: run.endedAt,
    cancel_asked_at: run.cancelAskedAt,
    cancel_asked_by: run.cancelAskedBy,
    link_lost: run.linkLost ? 1 : 0,
    due_at: dueAt(run),
    progress_state: JSON.stringify(kept),
    armed: run.armed === null ? null : JSON.stringify(run.armed),
    confirm_secret: run.confirmSecret,
    outcome: run.outcome === null ? null : JSON.stringify(run.outcome),
    late_report: run.lateReport,
  };
}

/** The row of a new run. */
export function newRow(run: Run, { number, subject }: Pick<RunDetails, "number" | "subject">): Insertable<RunsTable> {
  return {
    id: run.id,
    number,
    host_id: run.hostId,
    op: run.request.op,
    args: JSON.stringify(run.request.args),
    force: run.force ? 1 : 0,
    by: run.askedBy,
    commit_id: run.commit,
    subject,
    deadline: run.deadline,
    created_at: run.createdAt,
    state: run.state,
    link_lost: 0,
    progress_state: "",
    ...changedColumns(run),
    stored_seq: 0,
    tests: "[]",
    warnings: "[]",
    log_lines: 0,
    log_bytes: 0,
    log_errors: 0,
    log_warnings: 0,
    log_stored: 0,
    log_compacted: 0,
    log_discarded: 0,
  } as Insertable<RunsTable>;
}
