import type { HostId, OpName, Phase, PhaseView } from "@nixfleet/protocol";
import { opDeclaration } from "@nixfleet/protocol";
import type { Reader } from "../store/index.ts";
import { opOf, phasesOf, type Run } from "./run.ts";

/** Number of earlier runs that an estimate uses. */
const RUNS_FOR_ESTIMATE = 10;
/** Below this share, history predicts a phase better than its own progress. */
const MIN_SHARE = 0.1;

/** How long an op usually takes on a host, in milliseconds, from its last runs that succeeded there. */
export interface Estimates {
  total: number | null;
  phases: Partial<Record<Phase, number>>;
}

export async function readEstimates(db: Reader, hostId: HostId, op: OpName): Promise<Estimates> {
  const rows = await db
    .selectFrom("runs")
    .select(["phases", "started_at", "ended_at"])
    .where("host_id", "=", hostId)
    .where("op", "=", op)
    .where("state", "=", "succeeded")
    .orderBy("id", "desc")
    .limit(RUNS_FOR_ESTIMATE)
    .execute();
  const totals: number[] = [];
  const phases = new Map<Phase, number[]>();
  for (const row of rows) {
    if (row.started_at !== null && row.ended_at !== null) totals.push(row.ended_at - row.started_at);
    for (const { phase, startedAt, endedAt } of row.phases) {
      if (endedAt !== null) phases.set(phase, [...(phases.get(phase) ?? []), endedAt - startedAt]);
    }
  }
  const medians = [...phases].map(([phase, durations]) => [phase, median(durations)]);
  return { total: median(totals), phases: Object.fromEntries(medians) as Estimates["phases"] };
}

/** The median, so that one slow run does not count much. */
function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor((sorted.length - 1) / 2);
  return sorted[middle] ?? null;
}

/** The declared phases of the op and those that ran, in order, with their progress. */
export function phaseViews(run: Run, share: number | null, estimates: Estimates): PhaseView[] {
  const ended = run.stage === "ended";
  const phases = phasesOf(run);
  const ran = new Map(phases.map((record) => [record.phase, record]));
  const last = phases.at(-1)?.phase;
  const failed = failedPhase(run);
  const declared = [...opDeclaration(opOf(run)).phases];
  const order = declared.concat([...ran.keys()].filter((phase) => !declared.includes(phase)));
  const reached = Math.max(-1, ...[...ran.keys()].map((phase) => order.indexOf(phase)));

  return order.map((phase, place) => {
    const record = ran.get(phase);
    const current = phase === last && !ended;
    const view = { phase, estimate: estimates.phases[phase] ?? null, share: current ? share : null };
    if (record === undefined) {
      const skipped = ended || place < reached;
      return { ...view, state: skipped ? "skipped" : "to-come", startedAt: null, endedAt: null };
    }
    const state = current ? "current" : phase === failed ? "failed" : "done";
    return { ...view, state, startedAt: record.startedAt, endedAt: record.endedAt };
  });
}

/** The phase in which an unsuccessful run failed: the last one, or the one before a successful undo. */
function failedPhase(run: Run): Phase | undefined {
  if (run.stage !== "ended" || run.state === "succeeded") return undefined;
  const { state, phases } = run;
  const undone = state === "rolled-back" && phases.at(-1)?.phase === "undo";
  return phases.at(undone ? -2 : -1)?.phase;
}

/** Estimated milliseconds until a run ends; null: a remaining phase has no estimate. */
export function remaining(run: Run, phases: readonly PhaseView[], now: number): number | null {
  if ((run.stage !== "running" && run.stage !== "proving") || run.linkLost) return null;
  let sum = 0;
  for (const { state, estimate, startedAt, share } of phases) {
    if (state === "to-come") {
      if (estimate === null) return null;
      sum += estimate;
    } else if (state === "current") {
      const elapsed = now - (startedAt ?? now);
      if (share !== null && share >= MIN_SHARE) sum += (elapsed / share) * (1 - share);
      else if (estimate !== null) sum += Math.max(0, estimate - elapsed);
      else return null;
    }
  }
  return Math.round(sum);
}
