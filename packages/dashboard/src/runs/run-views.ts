import {
  type HostId,
  isTerminal,
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
import { detailsOf, type RunDetails, type RunRow, runOf } from "./records.ts";
import { opOf, type Run } from "./run.ts";
import { explain, outcomeSentence, STATUS_OF, sentenceOf, shareOf, titleOf, wordOf } from "./wording.ts";

export interface RunFilter {
  hostId?: HostId | undefined;
  op?: OpName | undefined;
  state?: RunState | undefined;
  /** Of the page before. */
  cursor?: string | undefined;
  limit: number;
}

/** What pages show of runs. */
export interface RunViews {
  summary(runId: RunId): Promise<RunSummary | null>;
  view(runId: RunId): Promise<RunView | null>;
  /** Newest first. */
  list(filter: RunFilter): Promise<{ items: RunSummary[]; next: string | null }>;
  /** All that are at work or wait. */
  unfinished(): Promise<RunSummary[]>;
}

type NamedRow = RunRow & { host_name: string };

const nothingKnown: Estimates = { total: null, phases: {} };

export function createRunViews({ store, clock }: { store: Store; clock: Clock }): RunViews {
  const rows = () =>
    store.db
      .selectFrom("runs")
      .innerJoin("hosts", "hosts.id", "runs.host_id")
      .selectAll("runs")
      .select("hosts.name as host_name");

  const one = (runId: RunId): Promise<NamedRow | undefined> => rows().where("runs.id", "=", runId).executeTakeFirst();

  /** What has ended needs no estimate. */
  const estimatesOf = (run: Run) =>
    isTerminal(run.state) ? Promise.resolve(nothingKnown) : readEstimates(store, run.hostId, opOf(run));

  async function summarize(row: NamedRow): Promise<RunSummary> {
    const run = runOf(row);
    return summaryOf(row, run, detailsOf(row), await estimatesOf(run), clock.now());
  }

  return {
    async summary(runId) {
      const row = await one(runId);
      return row === undefined ? null : await summarize(row);
    },

    async view(runId) {
      const row = await one(runId);
      if (row === undefined) return null;
      const run = runOf(row);
      const details = detailsOf(row);
      const estimates = await readEstimates(store, run.hostId, opOf(run));
      const ended = isTerminal(run.state);
      const phase = run.phases.at(-1);
      const { op, args } = run.request;
      const { command, progress, diff, preview, tests, warnings, log } = details;
      return {
        summary: summaryOf(row, run, details, ended ? nothingKnown : estimates, clock.now()),
        args,
        force: run.force,
        commit: run.commit,
        subject: details.subject,
        deadlineAt: run.startedAt === null || ended ? null : run.startedAt + run.deadline,
        command,
        progress,
        diff,
        preview,
        armed: run.armed,
        tests,
        warnings,
        outcome: outcomeOf(run, details),
        lateReport: run.lateReport,
        cancelWarning: ended || phase === undefined ? null : (opDeclaration(op).cancelWarning[phase.phase] ?? null),
        mayCancel: !ended && run.awaitedProof === null,
        retry: retryOf(run),
        usualDuration: estimates.total,
        log,
      };
    },

    async list({ hostId, op, state, cursor, limit }) {
      let query = rows()
        .orderBy("runs.id", "desc")
        .limit(limit + 1);
      if (hostId !== undefined) query = query.where("runs.host_id", "=", hostId);
      if (op !== undefined) query = query.where("runs.op", "=", op);
      if (state !== undefined) query = query.where("runs.state", "=", state);
      if (cursor !== undefined) query = query.where("runs.id", "<", cursor);
      const found = await query.execute();
      const shown = found.slice(0, limit);
      return {
        items: await Promise.all(shown.map(summarize)),
        next: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
      };
    },

    async unfinished() {
      const found = await rows().where("runs.state", "in", ["queued", "starting", "running"]).orderBy("runs.id").execute();
      return await Promise.all(found.map(summarize));
    },
  };
}

function summaryOf(row: NamedRow, run: Run, details: RunDetails, estimates: Estimates, now: number): RunSummary {
  const share = shareOf(run, details);
  const phases = phaseViews(run, share, estimates);
  return {
    id: run.id,
    number: details.number,
    hostId: run.hostId,
    hostName: row.host_name,
    op: opOf(run),
    title: titleOf(run.request, run.commit),
    state: run.state,
    status: STATUS_OF[run.state],
    word: wordOf(run, share),
    sentence: sentenceOf(run, details),
    queueReason: run.queueReason,
    by: run.askedBy,
    createdAt: run.createdAt,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    phases,
    remaining: remaining(run, phases, now),
    slow: run.slow && !isTerminal(run.state),
    linkLost: run.linkLost,
    cancelling: run.cancelAskedAt !== null && !isTerminal(run.state),
  };
}

function outcomeOf(run: Run, { firstErrorLine }: RunDetails): RunOutcomeView | null {
  if (run.outcome === null) return null;
  const { code, reason, firstError } = run.outcome;
  const told = run.state === "succeeded" ? { sentence: outcomeSentence(run), next: null } : explain(run);
  return { code, sentence: told.sentence, next: told.next, reason, firstError, firstErrorLine };
}

/** The same again, for a run that did not get done. */
function retryOf(run: Run): NextAction | null {
  if (!isTerminal(run.state) || run.state === "succeeded") return null;
  const { op, args } = run.request;
  const whenBlocked = opDeclaration(op).queueable ? "queue" : "refuse";
  return { kind: "start", label: "Retry", op, args, whenBlocked, compartment: null };
}
