import {
  FAILURES,
  isTerminal,
  type Outcome,
  type QueueReason,
  REFUSALS,
  type RefusalCode,
  type RunEvent,
  type TerminalState,
} from "@nixfleet/protocol";
import type { KnownFacts } from "../hosts/index.ts";
import { postCheck } from "./post-check.ts";
import type { Run, RunOutcome } from "./run.ts";

/** How long a run may wait for its host, in milliseconds: seven days. */
export const QUEUE_LIMIT = 7 * 24 * 60 * 60_000;
/** How long after its deadline the host may still report that it ended the run itself, in milliseconds. */
export const REPORT_GRACE = 60_000;
/** How long facts may take to come after a run that ended well without bringing them, in milliseconds. */
export const PROOF_LIMIT = 60_000;

/** What happens to a run. */
export type RunInput =
  /** The host is connected and has no other run at work, and the pre-checks hold. The secret is for its confirmation alone. */
  | { kind: "dispatch"; confirmSecret: string }
  | { kind: "blocked"; reason: QueueReason }
  /** A pre-check of the dashboard, or the agent itself, says no. */
  | { kind: "refuse"; by: "dashboard" | "agent"; code: RefusalCode; reason: string }
  | { kind: "cancel"; by: string }
  /** A hello came; `known`: as what it lists the run, null if it does not. */
  | { kind: "linkUp"; known: "queued" | "active" | "finished" | null }
  | { kind: "linkDown" }
  /** An event of its spool, each exactly once and in order; `facts`: what is known of the host by then, the event's own proof included. */
  | { kind: "report"; event: RunEvent; facts: KnownFacts }
  | { kind: "facts"; facts: KnownFacts }
  /** Time has passed. */
  | { kind: "tick" };

/** What is to be done once the change is stored. Sent over the host's link; if it is gone by then, the next hello mends it. */
export type RunEffect = "sendStart" | "sendCancel";

export interface Advanced {
  /** The same object when nothing changed. */
  run: Run;
  effects: readonly RunEffect[];
}

/**
 * The life of a run as a pure function (R11): every input at any time is legal, states only move forward, a terminal state is final,
 * and each state before it has a time at which it ends though nobody speaks (`dueAt`).
 */
export function advance(run: Run, input: RunInput, now: number): Advanced {
  if (isTerminal(run.state)) return afterTheEnd(run, input);
  switch (run.state) {
    case "queued":
      return whileQueued(run, input, now);
    case "starting":
      return whileStarting(run, input, now);
    case "running":
      return whileRunning(run, input, now);
    default:
      return run.state satisfies never;
  }
}

/** When `advance` must be given a tick though nothing else happens; null: ended. */
export function dueAt(run: Run): number | null {
  switch (run.state) {
    case "queued":
      return run.createdAt + QUEUE_LIMIT;
    case "starting":
      return (run.sentAt ?? run.createdAt) + run.deadline + REPORT_GRACE;
    case "running":
      if (run.awaitedProof !== null) return run.awaitedProof.until;
      return run.slow ? lostAt(run) : slowAt(run);
    default:
      return null;
  }
}

const startOf = (run: Run) => run.startedAt ?? run.sentAt ?? run.createdAt;
const slowAt = (run: Run) => startOf(run) + run.deadline / 2;
const lostAt = (run: Run) => startOf(run) + run.deadline + REPORT_GRACE;

const same = (run: Run): Advanced => ({ run, effects: [] });
const changed = (run: Run, change: Partial<Run>, ...effects: RunEffect[]): Advanced => ({ run: { ...run, ...change }, effects });

function end(run: Run, state: TerminalState, outcome: RunOutcome, endedAt: number): Advanced {
  return changed(run, {
    state,
    outcome,
    endedAt,
    queueReason: null,
    linkLost: false,
    awaitedProof: null,
    armed: null,
    confirmSecret: null,
    phases: run.phases.map((phase) => (phase.endedAt === null ? { ...phase, endedAt } : phase)),
  });
}

const nothing: RunOutcome = { code: null, reason: null, firstError: null, reported: false };

function whileQueued(run: Run, input: RunInput, now: number): Advanced {
  switch (input.kind) {
    case "dispatch":
      return changed(run, { state: "starting", sentAt: now, queueReason: null, confirmSecret: input.confirmSecret }, "sendStart");
    case "blocked":
      return run.queueReason === input.reason ? same(run) : changed(run, { queueReason: input.reason });
    case "refuse":
      return end(run, "refused", { ...nothing, code: input.code, reason: input.reason }, now);
    case "cancel":
      return end({ ...run, cancelAskedAt: now, cancelAskedBy: input.by }, "cancelled", cancelledBy(input.by), now);
    case "linkUp":
      // It was never sent: the host has it from a dashboard whose database was put back to an earlier time.
      return input.known === "queued" || input.known === "active" ? changed(run, {}, "sendCancel") : same(run);
    case "tick":
      if (now < run.createdAt + QUEUE_LIMIT) return same(run);
      return end(run, "refused", { ...nothing, code: "queue-expired", reason: REFUSALS["queue-expired"].sentence }, now);
    case "linkDown":
    case "report":
    case "facts":
      return same(run);
    default:
      return input satisfies never;
  }
}

function whileStarting(run: Run, input: RunInput, now: number): Advanced {
  switch (input.kind) {
    case "refuse":
      return end(run, "refused", { ...nothing, code: input.code, reason: input.reason, reported: input.by === "agent" }, now);
    case "linkUp":
      if (input.known !== null) return changed(run, { linkLost: false }, ...cancelAgain(run));
      // The start did not reach the host. It goes out again, unless nobody wants it any more.
      if (run.cancelAskedAt !== null) return end(run, "cancelled", cancelledBy(run.cancelAskedBy), now);
      return changed(run, { linkLost: false }, "sendStart");
    case "report":
      // The first event says that the runner has it; a run that never got as far has its end as first event.
      if (input.event.kind === "finished") return finished(run, input.event, input.facts, now);
      return onEvent(changed(run, { state: "running", startedAt: hostTime(run, input.event.at, now) }).run, input.event, now);
    case "tick":
      return now < (dueAt(run) ?? Number.POSITIVE_INFINITY) ? same(run) : lost(run, "no-report", now);
    case "cancel":
      return cancel(run, input.by, now);
    case "linkDown":
      return run.linkLost ? same(run) : changed(run, { linkLost: true });
    case "dispatch":
    case "blocked":
    case "facts":
      return same(run);
    default:
      return input satisfies never;
  }
}

function whileRunning(run: Run, input: RunInput, now: number): Advanced {
  switch (input.kind) {
    case "report":
      if (run.awaitedProof !== null) return same(run);
      if (input.event.kind === "finished") return finished(run, input.event, input.facts, now);
      return onEvent(run, input.event, now);
    case "linkUp":
      if (input.known !== null) return changed(run, { linkLost: false }, ...cancelAgain(run));
      // Its end is stored and acknowledged: the host need not know of it any more.
      if (run.awaitedProof !== null) return changed(run, { linkLost: false });
      return lost(run, "state-lost", now);
    case "facts":
      return run.awaitedProof === null ? same(run) : prove(run, input.facts, now);
    case "tick":
      if (run.awaitedProof !== null) return now < run.awaitedProof.until ? same(run) : unproven(run);
      if (now >= lostAt(run)) return lost(run, "no-report", now);
      return !run.slow && now >= slowAt(run) ? changed(run, { slow: true }) : same(run);
    case "cancel":
      return cancel(run, input.by, now);
    case "linkDown":
      return run.linkLost ? same(run) : changed(run, { linkLost: true });
    case "refuse":
    case "dispatch":
    case "blocked":
      return same(run);
    default:
      return input satisfies never;
  }
}

function afterTheEnd(run: Run, input: RunInput): Advanced {
  switch (input.kind) {
    case "linkUp":
      // What has ended here is not to go on there.
      return input.known === "queued" || input.known === "active" ? changed(run, {}, "sendCancel") : same(run);
    case "report":
      if (input.event.kind !== "finished") return same(run);
      return late(run, describe(input.event.outcome));
    case "refuse":
      return input.by === "agent" ? late(run, `The host refused it: ${input.reason}`) : same(run);
    default:
      return same(run);
  }
}

/** A report that came too late is kept, once, and changes nothing else (R12). */
function late(run: Run, report: string): Advanced {
  return run.outcome?.reported === true || run.lateReport !== null ? same(run) : changed(run, { lateReport: report });
}

function describe(outcome: Outcome): string {
  switch (outcome.state) {
    case "succeeded":
      return outcome.reason ?? "The host reported that it succeeded.";
    case "cancelled":
    case "refused":
      return `The host reported that it was ${outcome.state}: ${outcome.reason}`;
    case "timed-out":
      return `The host reported that it timed out: ${outcome.reason}`;
    case "failed":
      return `The host reported that it failed: ${outcome.reason}`;
    case "rolled-back":
      return `The host reported that it was rolled back: ${outcome.reason}`;
    default:
      return outcome satisfies never;
  }
}

const cancelledBy = (by: string | null): RunOutcome => ({
  ...nothing,
  code: "cancelled-by-person",
  reason: by === null ? "It was cancelled." : `Cancelled by ${by} before it began.`,
});

const cancelAgain = (run: Run): RunEffect[] => (run.cancelAskedAt === null ? [] : ["sendCancel"]);

function cancel(run: Run, by: string, now: number): Advanced {
  // The end is known, only its proof is not: there is nothing to stop.
  if (run.awaitedProof !== null) return same(run);
  // Asked again, it is sent again: the first may have been lost with a link.
  if (run.cancelAskedAt !== null) return changed(run, {}, "sendCancel");
  return changed(run, { cancelAskedAt: now, cancelAskedBy: by }, "sendCancel");
}

function lost(run: Run, code: "no-report" | "state-lost", now: number): Advanced {
  return end(run, "lost", { ...nothing, code, reason: FAILURES[code].sentence }, now);
}

/** A time by the host's clock, which may be wrong, held between what must be before it and now. */
function hostTime(run: Run, at: number, now: number): number {
  const earliest = run.phases.at(-1)?.startedAt ?? startOf(run);
  return Math.min(Math.max(at, earliest), now);
}

function onEvent(run: Run, event: RunEvent, now: number): Advanced {
  switch (event.kind) {
    case "phase": {
      const at = hostTime(run, event.at, now);
      const before = run.phases.map((phase) => (phase.endedAt === null ? { ...phase, endedAt: at } : phase));
      return changed(run, { phases: [...before, { phase: event.phase, startedAt: at, endedAt: null }].slice(-MAX_PHASES) });
    }
    case "armed":
      return changed(run, { armed: { until: event.until, back: event.back } });
    case "deployed": {
      const { closure, commit, mode } = event.deployment;
      // It follows only what was confirmed, or needs no confirmation (E13).
      return changed(run, { deployed: { closure, commit, mode }, armed: null });
    }
    default:
      return same(run);
  }
}

/** More than any op has; a host that sends more keeps the last ones. */
const MAX_PHASES = 50;

function finished(run: Run, event: RunEvent & { kind: "finished" }, facts: KnownFacts, now: number): Advanced {
  const { outcome } = event;
  const endedAt = hostTime(run, event.at, now);
  switch (outcome.state) {
    case "succeeded": {
      // The proof was read after the work and before this event was written, whichever of both clock readings is the later one.
      const since = Math.min(event.at, event.proof?.readAt ?? event.at);
      const awaitedProof = { hostTime: since, endedAt, until: now + PROOF_LIMIT, reason: outcome.reason ?? null };
      // A run that ends with its first event was running for no time at all.
      const proving = { ...run, state: "running" as const, startedAt: run.startedAt ?? endedAt, awaitedProof };
      return prove(proving, facts, now);
    }
    case "failed":
    case "rolled-back":
    case "timed-out":
      return end(
        run,
        outcome.state,
        {
          code: outcome.code,
          reason: outcome.reason,
          firstError: outcome.firstError ?? null,
          reported: true,
          ...(outcome.state === "rolled-back" ? { back: run.armed?.back ?? null } : {}),
        },
        endedAt,
      );
    case "cancelled":
      return end(run, "cancelled", { ...nothing, code: "cancelled-by-person", reason: outcome.reason, reported: true }, endedAt);
    case "refused":
      return end(run, "refused", { ...nothing, code: outcome.code, reason: outcome.reason, reported: true }, endedAt);
    default:
      return outcome satisfies never;
  }
}

function prove(run: Run, facts: KnownFacts, now: number): Advanced {
  if (run.awaitedProof === null) return same(run);
  const { reason } = run.awaitedProof;
  const check = postCheck(run, facts, run.awaitedProof.hostTime);
  switch (check.kind) {
    case "met":
      return end(run, "succeeded", { ...nothing, reason, reported: true }, run.awaitedProof.endedAt);
    case "missed":
      return end(
        run,
        "failed",
        { code: "post-check-failed", reason: check.reason, firstError: null, reported: true },
        run.awaitedProof.endedAt,
      );
    case "unknown":
      return now < run.awaitedProof.until ? { run, effects: [] } : unproven(run);
    default:
      return check satisfies never;
  }
}

function unproven(run: Run): Advanced {
  const awaited = run.awaitedProof;
  if (awaited === null) return same(run);
  const check = postCheck(run, {}, awaited.hostTime);
  const reason = check.kind === "met" ? null : check.reason;
  return end(run, "failed", { code: "post-check-failed", reason, firstError: null, reported: true }, awaited.endedAt);
}
