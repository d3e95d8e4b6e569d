import {
  FAILURES,
  type FailureCode,
  type Outcome,
  type QueueReason,
  REFUSALS,
  type RefusalCode,
  type RunEvent,
  type TerminalState,
} from "@nixfleet/protocol";
import type { KnownFacts } from "../hosts/index.ts";
import type { RunOutcome } from "../store/index.ts";
import { postCheck } from "./post-check.ts";
import {
  type ActiveRun,
  type CancelRequest,
  type EndedRun,
  type ProvingRun,
  phasesOf,
  type QueuedRun,
  type Run,
  type RunningRun,
  type StartingRun,
  startedAtOf,
} from "./run.ts";

/** How long a run may wait for its host, in milliseconds: seven days after nothing else holds it. */
export const QUEUE_LIMIT = 7 * 24 * 60 * 60_000;
/** How long after the deadline the host may still report that it stopped the run itself, in milliseconds. */
export const REPORT_GRACE = 60_000;
/** How long to wait for facts after a successful run that did not bring them, in milliseconds. */
export const PROOF_LIMIT = 60_000;

/** An input to the state machine of a run. */
export type RunSignal =
  /** The host is connected and idle, and the pre-checks pass. The secret is used to confirm this run only. */
  | { kind: "dispatch"; confirmSecret: string }
  | { kind: "blocked"; reason: QueueReason }
  /** The hold has ended. */
  | { kind: "release" }
  /** Refused by a pre-check of the dashboard or by the agent. */
  | { kind: "refuse"; by: "dashboard" | "agent"; code: RefusalCode; reason: string }
  | { kind: "cancel"; by: string }
  /** The host was removed from the dashboard. */
  | { kind: "hostRemoved" }
  /** A hello arrived; `known`: the state in which it lists the run, null if it does not. */
  | { kind: "linkUp"; known: "queued" | "active" | "finished" | null }
  | { kind: "linkDown" }
  /** An event of its spool, exactly once and in order; `facts`: all facts known of the host, including the event's proof. */
  | { kind: "report"; event: RunEvent; facts: KnownFacts }
  | { kind: "facts"; facts: KnownFacts }
  /** Time has passed. */
  | { kind: "tick" };

/** Messages to send once the change is stored. If the host's link is gone by then, the next hello repairs that. */
export type RunEffect = "sendStart" | "sendCancel";

export interface AdvanceResult {
  /** The same object when nothing changed. */
  run: Run;
  effects: readonly RunEffect[];
}

/**
 * The life of a run as a pure function (R11): every signal at any time is legal, states only move forward, a terminal state is final,
 * and each state before it ends at a certain time even without any signal (`dueAt`).
 */
export function advance(run: Run, signal: RunSignal, now: number): AdvanceResult {
  switch (run.stage) {
    case "queued":
      return whileQueued(run, signal, now);
    case "starting":
      return whileStarting(run, signal, now);
    case "running":
      return whileRunning(run, signal, now);
    case "proving":
      return whileProving(run, signal, now);
    case "ended":
      return whileEnded(run, signal);
  }
}

/** When `advance` needs a tick if nothing else happens; null: ended. */
export function dueAt(run: Run): number | null {
  switch (run.stage) {
    case "queued":
      return run.hold?.until ?? queueEnd(run);
    case "starting":
      return lostAt(run);
    case "running":
      return run.slow ? lostAt(run) : slowAt(run);
    case "proving":
      return run.awaitedProof.until;
    case "ended":
      return null;
  }
}

/** A run under a hold without an end never expires. */
const queueEnd = (run: QueuedRun) => (run.hold === null ? run.waitingSince + QUEUE_LIMIT : null);
const startOf = (run: ActiveRun) => startedAtOf(run) ?? run.sentAt;
const slowAt = (run: ActiveRun) => startOf(run) + run.deadline / 2;
const lostAt = (run: ActiveRun) => startOf(run) + run.deadline + REPORT_GRACE;

const unchanged = (run: Run, ...effects: RunEffect[]): AdvanceResult => ({ run, effects });
const changed = (run: Run, ...effects: RunEffect[]): AdvanceResult => ({ run, effects });

const NO_OUTCOME: RunOutcome = { code: null, reason: null, firstError: null, reported: false };

function end(run: QueuedRun | ActiveRun, state: TerminalState, outcome: RunOutcome, endedAt: number): AdvanceResult {
  const { id, hostId, hostName, request, sourceId, commit, deadline, createdAt, actor, force } = run;
  const order = { id, hostId, hostName, request, sourceId, commit, deadline, createdAt, actor, force };
  const phases = phasesOf(run).map((phase) => (phase.endedAt === null ? { ...phase, endedAt } : phase));
  const ended: EndedRun = {
    ...order,
    stage: "ended",
    state,
    outcome,
    endedAt,
    phases,
    lateReport: null,
    sentAt: "sentAt" in run ? run.sentAt : null,
    startedAt: startedAtOf(run),
    cancel: "cancel" in run ? run.cancel : null,
    deployed: "deployed" in run ? run.deployed : null,
  };
  return changed(ended);
}

function whileQueued(run: QueuedRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "dispatch": {
      const { queueReason: _, hold: __, waitingSince: ___, ...order } = run;
      const { confirmSecret } = signal;
      const sent: StartingRun = {
        ...order,
        stage: "starting",
        state: "starting",
        sentAt: now,
        cancel: null,
        linkLost: false,
        confirmSecret,
      };
      return changed(sent, "sendStart");
    }
    case "blocked":
      return run.queueReason === signal.reason ? unchanged(run) : changed({ ...run, queueReason: signal.reason });
    case "release":
      return run.hold === null ? unchanged(run) : changed({ ...run, hold: null, waitingSince: now });
    case "refuse":
      return end(run, "refused", { ...NO_OUTCOME, code: signal.code, reason: signal.reason }, now);
    case "cancel":
      return endAsCancelled(run, { at: now, by: signal.by }, now);
    case "hostRemoved":
      return end(run, "cancelled", { ...NO_OUTCOME, code: "host-removed", reason: FAILURES["host-removed"].sentence }, now);
    case "linkUp":
      // It was never sent: the dashboard's database was restored to an earlier state.
      return signal.known === "queued" || signal.known === "active" ? unchanged(run, "sendCancel") : unchanged(run);
    case "tick": {
      if (run.hold?.until != null && now >= run.hold.until) return changed({ ...run, hold: null, waitingSince: now });
      const limit = queueEnd(run);
      if (limit === null || now < limit) return unchanged(run);
      return end(run, "refused", { ...NO_OUTCOME, code: "queue-expired", reason: REFUSALS["queue-expired"].sentence }, now);
    }
    case "linkDown":
    case "report":
    case "facts":
      return unchanged(run);
  }
}

function whileStarting(run: StartingRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "refuse":
      return end(
        run,
        "refused",
        { ...NO_OUTCOME, code: signal.code, reason: signal.reason, reported: signal.by === "agent" },
        now,
      );
    case "linkUp":
      if (signal.known !== null) return linkUp(run);
      // The start did not reach the host. Send it again, unless it was cancelled.
      if (run.cancel !== null) return endAsCancelled(run, run.cancel, now);
      return changed(run.linkLost ? { ...run, linkLost: false } : run, "sendStart");
    case "report": {
      // The first event shows that the runner took it; a run that never started has its end as first event.
      const startedAt = hostTime(run, signal.event.at, now);
      const running: RunningRun = {
        ...run,
        stage: "running",
        state: "running",
        startedAt,
        slow: false,
        phases: [],
        deployed: null,
        armed: null,
      };
      return onEvent(running, run, signal.event, signal.facts, now);
    }
    case "tick":
      return now < lostAt(run) ? unchanged(run) : endAsLost(run, "no-report", now);
    case "hostRemoved":
      return endAsLost(run, "host-removed", now);
    case "cancel":
      return cancel(run, signal.by, now);
    case "linkDown":
      return linkDown(run);
    case "dispatch":
    case "blocked":
    case "release":
    case "facts":
      return unchanged(run);
  }
}

function whileRunning(run: RunningRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "report":
      return onEvent(run, run, signal.event, signal.facts, now);
    case "linkUp":
      return signal.known !== null ? linkUp(run) : endAsLost(run, "state-lost", now);
    case "tick":
      if (now >= lostAt(run)) return endAsLost(run, "no-report", now);
      return !run.slow && now >= slowAt(run) ? changed({ ...run, slow: true }) : unchanged(run);
    case "hostRemoved":
      return endAsLost(run, "host-removed", now);
    case "cancel":
      return cancel(run, signal.by, now);
    case "linkDown":
      return linkDown(run);
    case "facts":
    case "refuse":
    case "dispatch":
    case "blocked":
    case "release":
      return unchanged(run);
  }
}

function whileProving(run: ProvingRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "linkUp":
      // Its end is stored and acknowledged, so the host may have forgotten it.
      return signal.known !== null ? linkUp(run) : changed(run.linkLost ? { ...run, linkLost: false } : run);
    case "facts":
      return prove(run, signal.facts, now);
    case "tick":
      return now < run.awaitedProof.until ? unchanged(run) : endUnproven(run);
    case "hostRemoved":
      return endUnproven(run);
    case "linkDown":
      return linkDown(run);
    // The host has finished; only the proof is missing, so there is nothing to stop.
    case "cancel":
    case "report":
    case "refuse":
    case "dispatch":
    case "blocked":
    case "release":
      return unchanged(run);
  }
}

function whileEnded(run: EndedRun, signal: RunSignal): AdvanceResult {
  switch (signal.kind) {
    case "linkUp":
      // A run that has ended here must not continue on the host.
      return signal.known === "queued" || signal.known === "active" ? unchanged(run, "sendCancel") : unchanged(run);
    case "report":
      return signal.event.kind === "finished" ? recordLateReport(run, describe(signal.event.outcome)) : unchanged(run);
    case "refuse":
      return signal.by === "agent" ? recordLateReport(run, `The host refused it: ${signal.reason}`) : unchanged(run);
    case "dispatch":
    case "blocked":
    case "release":
    case "cancel":
    case "hostRemoved":
    case "linkDown":
    case "facts":
    case "tick":
      return unchanged(run);
  }
}

/** Records the first report that arrives after the end; changes nothing else (R12). */
function recordLateReport(run: EndedRun, report: string): AdvanceResult {
  return run.outcome.reported || run.lateReport !== null ? unchanged(run) : changed({ ...run, lateReport: report });
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
  }
}

function linkUp(run: ActiveRun): AdvanceResult {
  // A cancellation that was requested while the host was away is sent now.
  const effects: RunEffect[] = run.cancel === null || run.stage === "proving" ? [] : ["sendCancel"];
  return changed(run.linkLost ? { ...run, linkLost: false } : run, ...effects);
}

function linkDown(run: ActiveRun): AdvanceResult {
  return run.linkLost ? unchanged(run) : changed({ ...run, linkLost: true });
}

function cancel(run: StartingRun | RunningRun, by: string, now: number): AdvanceResult {
  // Send it again on each request: the first may have been lost with a link.
  return changed(run.cancel === null ? { ...run, cancel: { at: now, by } } : run, "sendCancel");
}

/** Ends a run that never started. */
function endAsCancelled(run: QueuedRun | StartingRun, request: CancelRequest, now: number): AdvanceResult {
  const reason = request.by === null ? "It was cancelled." : `Cancelled by ${request.by} before it started.`;
  const { run: ended } = end(run, "cancelled", { ...NO_OUTCOME, code: "cancelled-by-person", reason }, now);
  return changed({ ...(ended as EndedRun), cancel: request });
}

function endAsLost(
  run: ActiveRun,
  code: FailureCode & ("no-report" | "state-lost" | "host-removed"),
  now: number,
): AdvanceResult {
  return end(run, "lost", { ...NO_OUTCOME, code, reason: FAILURES[code].sentence }, now);
}

/** Clamps a time by the host's clock, which may be wrong, between the preceding time and now. */
function hostTime(run: ActiveRun, at: number, now: number): number {
  const earliest = phasesOf(run).at(-1)?.startedAt ?? startOf(run);
  return Math.min(Math.max(at, earliest), now);
}

/** More than any op has; of more, the last ones are kept. */
const MAX_PHASES = 50;

/** `before`: the run before this event turned it into a running one. */
function onEvent(
  run: RunningRun,
  before: StartingRun | RunningRun,
  event: RunEvent,
  facts: KnownFacts,
  now: number,
): AdvanceResult {
  switch (event.kind) {
    case "phase": {
      const at = hostTime(run, event.at, now);
      const earlier = run.phases.map((phase) => (phase.endedAt === null ? { ...phase, endedAt: at } : phase));
      return changed({ ...run, phases: [...earlier, { phase: event.phase, startedAt: at, endedAt: null }].slice(-MAX_PHASES) });
    }
    case "armed":
      return changed({ ...run, armed: { until: event.until, back: event.back } });
    case "deployed": {
      const { closure, commit, mode } = event.deployment;
      // Sent only once the activation is confirmed, or needs no confirmation (E13).
      return changed({ ...run, deployed: { closure, commit, mode }, armed: null });
    }
    case "finished":
      return onFinished(run, before, event, facts, now);
    case "started":
    case "command":
    case "log":
    case "progress":
    case "diff":
    case "preview":
    case "testResult":
    case "warning":
    case "restart":
      // Stored apart from the state; for the state they only mean that the run is active.
      return changed(run);
  }
}

function onFinished(
  run: RunningRun,
  before: StartingRun | RunningRun,
  event: RunEvent & { kind: "finished" },
  facts: KnownFacts,
  now: number,
): AdvanceResult {
  const { outcome } = event;
  const endedAt = hostTime(run, event.at, now);
  switch (outcome.state) {
    case "succeeded": {
      // The proof was read after the work and before this event was written, whichever clock reading is later.
      const since = Math.min(event.at, event.proof?.readAt ?? event.at);
      const awaitedProof = { hostTime: since, endedAt, until: now + PROOF_LIMIT, reason: outcome.reason ?? null };
      // A run that ends with its first event passes through running in no time.
      return prove({ ...run, stage: "proving", awaitedProof }, facts, now);
    }
    case "failed":
    case "rolled-back":
    case "timed-out": {
      const { code, reason, firstError = null, firstErrorLine } = outcome;
      const line = firstErrorLine === undefined ? {} : { firstErrorLine };
      const back = outcome.state === "rolled-back" ? { back: run.armed?.back ?? null } : {};
      return end(before, outcome.state, { code, reason, firstError, ...line, reported: true, ...back }, endedAt);
    }
    case "cancelled":
      return end(
        before,
        "cancelled",
        { ...NO_OUTCOME, code: "cancelled-by-person", reason: outcome.reason, reported: true },
        endedAt,
      );
    case "refused":
      return end(before, "refused", { ...NO_OUTCOME, code: outcome.code, reason: outcome.reason, reported: true }, endedAt);
  }
}

function prove(run: ProvingRun, facts: KnownFacts, now: number): AdvanceResult {
  const { reason, endedAt, hostTime: since, until } = run.awaitedProof;
  const check = postCheck(run, facts, since);
  switch (check.kind) {
    case "met":
      return end(run, "succeeded", { ...NO_OUTCOME, reason, reported: true }, endedAt);
    case "missed":
      return end(run, "failed", { code: "post-check-failed", reason: check.reason, firstError: null, reported: true }, endedAt);
    case "unknown":
      return now < until ? unchanged(run) : endUnproven(run);
  }
}

function endUnproven(run: ProvingRun): AdvanceResult {
  const { endedAt, hostTime: since } = run.awaitedProof;
  const check = postCheck(run, {}, since);
  const reason = check.kind === "met" ? null : check.reason;
  return end(run, "failed", { code: "post-check-failed", reason, firstError: null, reported: true }, endedAt);
}
