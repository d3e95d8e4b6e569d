import { FAILURES, REFUSALS } from "@nixfleet/protocol";
import { AWAY_LIMIT, askHost, inquiryDueAt, onHeld, onInquiryTick, onLinkDown, onNothingHeld } from "./inquiry.ts";
import { describeOutcome } from "./late-report.ts";
import type { ActiveRun, EndedRun, ProvingRun, QueuedRun, Run, RunningRun, StartingRun } from "./run.ts";
import { endUnproven, onEvent, onFinished, PROOF_LIMIT, prove } from "./run-events.ts";
import {
  type AdvanceResult,
  changed,
  end,
  endAsCancelled,
  endAsLost,
  type HeldState,
  hostTime,
  mayReopen,
  NO_OUTCOME,
  type RunEffect,
  type RunSignal,
  startOf,
  unchanged,
} from "./transition.ts";

/** How long a run may wait for its host, in milliseconds: seven days after nothing else holds it. */
export const QUEUE_LIMIT = 7 * 24 * 60 * 60_000;

/**
 * The life of a run as a pure function (R11): every signal at any time is legal, states only move forward, and each state before a
 * terminal one ends at a certain time even without any signal (`dueAt`). A terminal state is final, except `lost`: that means that
 * nobody knows, and ends when the host says more (R67).
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
      return whileEnded(run, signal, now);
  }
}

/** When `advance` needs a tick if nothing else happens; null: ended. */
export function dueAt(run: Run): number | null {
  switch (run.stage) {
    case "queued":
      return run.hold?.until ?? queueEnd(run);
    case "starting":
      return inquiryDueAt(run);
    case "running":
      return run.slow ? inquiryDueAt(run) : Math.min(slowAt(run), inquiryDueAt(run));
    case "proving":
      return run.awaitedProof.until;
    case "ended":
      return null;
  }
}

/** A run under a hold without an end never expires. */
const queueEnd = (run: QueuedRun) => (run.hold === null ? run.waitingSince + QUEUE_LIMIT : null);
const slowAt = (run: ActiveRun) => startOf(run) + run.deadline / 2;

function whileQueued(run: QueuedRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "dispatch":
      return changed(sent(run, { at: now, confirmSecret: signal.confirmSecret }), "sendStart");
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
    case "answer": {
      // It was sent before the dashboard's database was put back to an earlier state.
      if (signal.held === null) return unchanged(run);
      const { confirmSecret = null } = signal.held;
      return onHeldState({ ...sent(run, { at: now, confirmSecret }), reopened: true }, signal.held, now);
    }
    case "tick": {
      if (run.hold?.until != null && now >= run.hold.until) return changed({ ...run, hold: null, waitingSince: now });
      const limit = queueEnd(run);
      if (limit === null || now < limit) return unchanged(run);
      return end(run, "refused", { ...NO_OUTCOME, code: "queue-expired", reason: REFUSALS["queue-expired"].sentence }, now);
    }
    case "linkUp":
    case "linkDown":
    case "report":
    case "facts":
      return unchanged(run);
  }
}

function sent(run: QueuedRun, { at, confirmSecret }: { at: number; confirmSecret: string | null }): StartingRun {
  const { queueReason: _, hold: __, waitingSince: ___, ...order } = run;
  const fresh = { cancel: null, linkLost: false, inquiry: null, reopened: false } as const;
  return { ...order, ...fresh, stage: "starting", state: "starting", sentAt: at, confirmSecret };
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
      if (signal.held !== null) return onHeldState(run, signal.held, now);
      // The start did not reach the host. Send it again, unless it was cancelled, or is so old that the host may have forgotten it.
      if (run.cancel !== null) return endAsCancelled(run, run.cancel, now);
      if (now >= inquiryDueAt(run) || run.inquiry !== null) return askHost(run, now);
      return changed(run.linkLost ? { ...run, linkLost: false } : run, "sendStart");
    case "answer":
      return signal.held === null ? onNothingHeld(run, now) : onHeldState(run, signal.held, now);
    case "report":
      // The first event shows that the runner took it; a run that never started has its end as first event.
      return onEvent(begun(run, hostTime(run, signal.event.at, now)), run, signal.event, signal.facts, now);
    case "tick":
      return onInquiryTick(run, signal.connected, now);
    case "hostRemoved":
      return endAsLost(run, "host-removed", now);
    case "cancel":
      return cancel(run, signal.by, now);
    case "linkDown":
      return changed(onLinkDown(run, now));
    case "dispatch":
    case "blocked":
    case "release":
    case "facts":
      return unchanged(run);
  }
}

const begun = (run: StartingRun, startedAt: number): RunningRun => ({
  ...run,
  stage: "running",
  state: "running",
  startedAt,
  slow: false,
  phases: [],
  deployed: null,
  armed: null,
});

function whileRunning(run: RunningRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "report":
      return onEvent(run, run, signal.event, signal.facts, now);
    case "linkUp":
      return signal.held === null ? askHost(run, now) : onHeldState(run, signal.held, now);
    case "answer":
      return signal.held === null ? onNothingHeld(run, now) : onHeldState(run, signal.held, now);
    case "tick":
      if (!run.slow && now >= slowAt(run)) return changed({ ...run, slow: true });
      return onInquiryTick(run, signal.connected, now);
    case "hostRemoved":
      return endAsLost(run, "host-removed", now);
    case "cancel":
      return cancel(run, signal.by, now);
    case "linkDown":
      return changed(onLinkDown(run, now));
    case "facts":
    case "refuse":
    case "dispatch":
    case "blocked":
    case "release":
      return unchanged(run);
  }
}

/** The host says how it is with a run that it has. */
function onHeldState(run: StartingRun | RunningRun, held: HeldState, now: number): AdvanceResult {
  if (held.ended !== undefined) {
    const running = run.stage === "running" ? run : begun(run, hostTime(run, held.ended.at, now));
    return onFinished(running, run, { ...held.ended, readAt: null }, held.ended.facts, now);
  }
  if (held.unclear) return onNothingHeld(run, now);
  // A cancellation that was requested while the host was away is sent now. One that has finished has its events on the way.
  const effects: RunEffect[] = run.cancel === null || held.state === "finished" ? [] : ["sendCancel"];
  return changed(onHeld(run, now), ...effects);
}

function whileProving(run: ProvingRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "linkUp": {
      // Its end is stored and acknowledged, so the host may have forgotten it. Facts come with the link, or soon after.
      const { away: _, ...proof } = run.awaitedProof;
      const until = run.awaitedProof.away ? now + PROOF_LIMIT : proof.until;
      return changed({ ...run, linkLost: false, awaitedProof: { ...proof, until } });
    }
    case "facts":
      return prove(run, signal.facts, now);
    case "tick":
      if (now < run.awaitedProof.until) return unchanged(run);
      if (signal.connected || run.awaitedProof.away) return endUnproven(run);
      return changed({ ...run, awaitedProof: { ...run.awaitedProof, away: true, until: now + AWAY_LIMIT } });
    case "hostRemoved":
      return endUnproven(run);
    case "linkDown":
      return run.linkLost ? unchanged(run) : changed({ ...run, linkLost: true });
    // The host has finished; only the proof is missing, so there is nothing to stop.
    case "cancel":
    case "answer":
    case "report":
    case "refuse":
    case "dispatch":
    case "blocked":
    case "release":
      return unchanged(run);
  }
}

function whileEnded(run: EndedRun, signal: RunSignal, now: number): AdvanceResult {
  switch (signal.kind) {
    case "linkUp":
    case "answer": {
      if (signal.held === null) return unchanged(run);
      const reopened = reopen(run, signal.held);
      if (reopened !== null) return advance(reopened, signal, now);
      // What a person has cancelled must not continue on the host.
      const isAtWork = signal.held.state !== "finished";
      return isAtWork && (run.cancel !== null || run.state === "cancelled") ? unchanged(run, "sendCancel") : unchanged(run);
    }
    case "report": {
      const reopened = reopen(run, { state: "active" });
      if (reopened !== null) return advance(reopened, signal, now);
      return signal.event.kind === "finished" ? recordLateReport(run, describeOutcome(signal.event.outcome)) : unchanged(run);
    }
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

/** A lost run as it was, now that its host has it; null: this run has ended for good, or the host knows no more either. */
function reopen(run: EndedRun, held: HeldState): StartingRun | RunningRun | null {
  if (!mayReopen(run.state, run.outcome) || held.unclear !== undefined) return null;
  const { lateReport: _, outcome: __, endedAt, stage: ___, state: ____, startedAt, phases, deployed, ...order } = run;
  const active = { ...order, sentAt: run.sentAt ?? run.createdAt, linkLost: false, inquiry: null, reopened: true };
  if (startedAt === null) return { ...active, stage: "starting", state: "starting" };
  const last = phases.at(-1);
  // The phase that was open is open again.
  const open = last?.endedAt === endedAt ? [...phases.slice(0, -1), { ...last, endedAt: null }] : phases;
  const progress = { startedAt, slow: false, phases: open, deployed, armed: null };
  return { ...active, ...progress, stage: "running", state: "running" };
}

/** Records the first report that arrives after the end; changes nothing else (R12). */
function recordLateReport(run: EndedRun, report: string): AdvanceResult {
  return run.outcome.reported || run.lateReport !== null ? unchanged(run) : changed({ ...run, lateReport: report });
}

function cancel(run: StartingRun | RunningRun, by: string, now: number): AdvanceResult {
  // Send it again on each request: the first may have been lost with a link.
  return changed(run.cancel === null ? { ...run, cancel: { at: now, by } } : run, "sendCancel");
}
