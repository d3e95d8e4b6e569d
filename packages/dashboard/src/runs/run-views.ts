import {
  type HostId,
  type NextAction,
  type OpName,
  opDeclaration,
  type RunId,
  type RunOutcomeView,
  type RunState,
  type RunSummary,
  type RunView,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Store } from "../store/index.ts";
import { type Estimates, phaseViews, readEstimates, remaining } from "./estimates.ts";
import { firstErrorLineOf, type LoggedErrors } from "./first-error-line.ts";
import { NO_LOG, NO_SHARE, type RunRow, type RunShare, readResults, runOf } from "./records.ts";
import { endedAtOf, isActive, opOf, phasesOf, type Run, startedAtOf } from "./run.ts";
import { explain, outcomeSentence, STATUS_OF, sentenceOf, shareOf, titleOf, wordOf } from "./wording.ts";

export interface RunFilter {
  hostId?: HostId | undefined;
  op?: OpName | undefined;
  state?: RunState | undefined;
  /** From the previous page. */
  cursor?: string | undefined;
  limit: number;
}

/** Runs as pages show them. */
export interface RunViews {
  summary(runId: RunId): Promise<RunSummary | null>;
  /** Several at once, by id; unknown ids are left out. */
  summaries(runIds: readonly RunId[]): Promise<Map<RunId, RunSummary>>;
  view(runId: RunId): Promise<RunView | null>;
  /** Newest first. */
  list(filter: RunFilter): Promise<{ items: RunSummary[]; next: string | null }>;
}

type NamedRow = RunRow & { current_host_name: string | null };

const NO_ESTIMATES: Estimates = { total: null, phases: {} };
/** Ids of one statement: SQLite takes 32,766 parameters. */
const IDS_AT_ONCE = 500;

export function createRunViews({ store, clock }: { store: Store; clock: Clock }): RunViews {
  const rows = () =>
    store.db
      .selectFrom("runs")
      .leftJoin("hosts", "hosts.id", "runs.host_id")
      .selectAll("runs")
      .select("hosts.name as current_host_name");

  const one = (runId: RunId): Promise<NamedRow | undefined> => rows().where("runs.id", "=", runId).executeTakeFirst();

  const estimatesOf = async (run: Run): Promise<Estimates> =>
    run.hostId === null ? NO_ESTIMATES : await readEstimates(store.db, run.hostId, opOf(run));

  /** Progress of the current phase; reads nothing for a run without one. */
  async function readShare(run: Run): Promise<RunShare> {
    if (!isActive(run) || phasesOf(run).length === 0) return NO_SHARE;
    const row = await store.db
      .selectFrom("run_results")
      .select(["progress", "tests"])
      .where("run_id", "=", run.id)
      .executeTakeFirst();
    return row ?? NO_SHARE;
  }

  async function summarize(row: NamedRow): Promise<RunSummary> {
    const run = runOf(row);
    // An ended run needs no estimate.
    const estimates = run.stage === "ended" ? NO_ESTIMATES : await estimatesOf(run);
    return summaryOf(row, run, await readShare(run), estimates, clock.now());
  }

  return {
    async summary(runId) {
      const row = await one(runId);
      return row === undefined ? null : await summarize(row);
    },

    async summaries(runIds) {
      const found = new Map<RunId, RunSummary>();
      for (let first = 0; first < runIds.length; first += IDS_AT_ONCE) {
        const some = await rows()
          .where("runs.id", "in", runIds.slice(first, first + IDS_AT_ONCE))
          .execute();
        for (const row of some) found.set(row.id, await summarize(row));
      }
      return found;
    },

    async view(runId) {
      const row = await one(runId);
      if (row === undefined) return null;
      const run = runOf(row);
      const results = await readResults(store.db, runId);
      const log = (await store.db.selectFrom("run_logs").selectAll().where("run_id", "=", runId).executeTakeFirst()) ?? NO_LOG;
      const estimates = await estimatesOf(run);
      const ended = run.stage === "ended";
      const phase = phasesOf(run).at(-1);
      const { op, args } = run.request;
      const startedAt = startedAtOf(run);
      const { command, progress, diff, preview, tests, warnings } = results;
      return {
        summary: summaryOf(row, run, results, ended ? NO_ESTIMATES : estimates, clock.now()),
        args,
        force: run.force,
        commit: run.commit,
        subject: row.subject,
        deadlineAt: startedAt === null || ended ? null : startedAt + run.deadline,
        command,
        progress,
        diff,
        preview,
        armed: "armed" in run ? run.armed : null,
        tests,
        warnings,
        outcome: outcomeOf(run, log),
        lateReport: ended ? run.lateReport : null,
        cancelWarning: ended || phase === undefined ? null : (opDeclaration(op).cancelWarning[phase.phase] ?? null),
        mayCancel: !ended && run.stage !== "proving",
        retry: retryOf(run, row),
        usualDuration: estimates.total,
        log: {
          lines: log.lines,
          bytes: log.bytes,
          errors: log.errors,
          warnings: log.warnings,
          discarded: log.discarded,
        },
      };
    },

    async list({ hostId, op, state, cursor, limit }) {
      let query = rows()
        .orderBy("runs.id", "desc")
        .limit(limit + 1);
      if (hostId !== undefined) query = query.where("runs.host_id", "=", hostId);
      if (op !== undefined) query = query.where("runs.op", "=", op);
      if (state !== undefined) query = query.where("runs.state", "=", state);
      if (cursor !== undefined) query = query.where("runs.id", "<", cursor as RunId);
      const found = await query.execute();
      const shown = found.slice(0, limit);
      return {
        items: await Promise.all(shown.map(summarize)),
        next: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
      };
    },
  };
}

function summaryOf(row: NamedRow, run: Run, done: RunShare, estimates: Estimates, now: number): RunSummary {
  const share = shareOf(run, done);
  const phases = phaseViews(run, share, estimates);
  const active = isActive(run) ? run : null;
  return {
    id: run.id,
    number: row.number,
    hostId: run.hostId,
    hostName: row.current_host_name ?? run.hostName ?? "Dashboard",
    op: opOf(run),
    title: titleOf(run.request, run.commit),
    state: run.state,
    status: STATUS_OF[run.state],
    word: wordOf(run, share),
    sentence: sentenceOf(run, done),
    queueReason: run.stage === "queued" ? run.queueReason : null,
    hold: run.stage === "queued" ? run.hold : null,
    by: run.actor.name,
    actorKind: run.actor.kind,
    createdAt: run.createdAt,
    startedAt: startedAtOf(run),
    endedAt: endedAtOf(run),
    phases,
    remaining: remaining(run, phases, now),
    slow: "slow" in run && run.slow,
    linkLost: active?.linkLost ?? false,
    cancelling: active !== null && active.cancel !== null,
  };
}

function outcomeOf(run: Run, log: LoggedErrors): RunOutcomeView | null {
  if (run.stage !== "ended") return null;
  const { code, reason, firstError } = run.outcome;
  const explained = run.state === "succeeded" ? { sentence: outcomeSentence(run), next: null } : explain(run);
  const firstErrorLine = firstErrorLineOf(run, log);
  return { code, sentence: explained.sentence, next: explained.next, reason, firstError, firstErrorLine };
}

/** The action that repeats an unsuccessful run; null: nothing is left to do, or the host was removed. */
function retryOf(run: Run, { current_host_name }: NamedRow): NextAction | null {
  if (run.stage !== "ended" || run.state === "succeeded") return null;
  if (run.hostId !== null && current_host_name === null) return null;
  const { op, args } = run.request;
  const whenBlocked = opDeclaration(op).queueable ? "queue" : "refuse";
  return { kind: "start", label: "Retry", op, args, whenBlocked, compartment: null };
}
