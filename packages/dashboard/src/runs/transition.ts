import {
  FAILURES,
  type FailureCode,
  type Outcome,
  type QueueReason,
  type RefusalCode,
  type RunEvent,
  type TerminalState,
} from "@nixfleet/protocol";
import type { KnownFacts } from "../hosts/index.ts";
import type { RunOutcome } from "../store/index.ts";
import {
  type ActiveRun,
  type CancelRequest,
  type EndedRun,
  phasesOf,
  type QueuedRun,
  type Run,
  type StartingRun,
  startedAtOf,
} from "./run.ts";

/** What a host says of a run that it holds. */
export interface HeldState {
  state: "queued" | "active" | "finished";
  /** How it ended, once nothing more of its events will come: all are stored, or the others are lost. `at`: by the host's clock; `facts`: known of the host now. */
  ended?: { outcome: Outcome; at: number; facts: KnownFacts };
  /** Finished, and how is lost on the host as well. */
  unclear?: string;
  /** As it was sent to the host. */
  confirmSecret?: string | null;
}

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
  /** A hello arrived; `held`: what it says of the run, null if it does not list it. */
  | { kind: "linkUp"; held: HeldState | null }
  /** The host says what it holds of the run, because it was asked or because events are lost; null: it has nothing of it. */
  | { kind: "answer"; held: HeldState | null }
  | { kind: "linkDown" }
  /** An event of its spool, exactly once and in order; `facts`: all facts known of the host, including the event's proof. */
  | { kind: "report"; event: RunEvent; facts: KnownFacts }
  | { kind: "facts"; facts: KnownFacts }
  /** Time has passed. `connected`: the host has a link now. */
  | { kind: "tick"; connected: boolean };

/**
 * Messages to send once the change is stored. If the host's link is gone by then, the next hello repairs that. `askHost`: what does it
 * hold of the run?
 */
export type RunEffect = "sendStart" | "sendCancel" | "askHost";

export interface AdvanceResult {
  /** The same object when nothing changed. */
  run: Run;
  effects: readonly RunEffect[];
}

export const unchanged = (run: Run, ...effects: RunEffect[]): AdvanceResult => ({ run, effects });
export const changed = (run: Run, ...effects: RunEffect[]): AdvanceResult => ({ run, effects });

export const NO_OUTCOME: RunOutcome = { code: null, reason: null, firstError: null, reported: false };

/** Whether a run that ended like this may turn out to be active, or to have ended otherwise: nobody knows. */
export const mayReopen = (state: TerminalState, { code }: RunOutcome) => state === "lost" && code !== "host-removed";

/** When an active run started, or was sent. */
export const startOf = (run: ActiveRun) => startedAtOf(run) ?? run.sentAt;

/** Clamps a time by the host's clock, which may be wrong, between the preceding time and now. */
export function hostTime(run: ActiveRun, at: number, now: number): number {
  const earliest = phasesOf(run).at(-1)?.startedAt ?? startOf(run);
  return Math.min(Math.max(at, earliest), now);
}

export function end(run: QueuedRun | ActiveRun, state: TerminalState, outcome: RunOutcome, endedAt: number): AdvanceResult {
  const { id, hostId, hostName, request, sourceId, commit, deadline, createdAt, actor, force } = run;
  const order = { id, hostId, hostName, request, sourceId, commit, deadline, createdAt, actor, force };
  const phases = phasesOf(run).map((phase) => (phase.endedAt === null ? { ...phase, endedAt } : phase));
  const sent = run.stage === "queued" ? null : run;
  const ended: EndedRun = {
    ...order,
    stage: "ended",
    state,
    outcome,
    endedAt,
    phases,
    lateReport: null,
    sentAt: sent?.sentAt ?? null,
    startedAt: startedAtOf(run),
    cancel: sent?.cancel ?? null,
    deployed: "deployed" in run ? run.deployed : null,
    reopened: sent?.reopened ?? false,
    // A lost run may turn out to be active, and then asks to be confirmed.
    confirmSecret: mayReopen(state, outcome) ? (sent?.confirmSecret ?? null) : null,
  };
  return changed(ended);
}

/** Ends a run that never started. */
export function endAsCancelled(run: QueuedRun | StartingRun, request: CancelRequest, now: number): AdvanceResult {
  const reason = request.by === null ? "It was cancelled." : `Cancelled by ${request.by} before it started.`;
  const { run: ended } = end(run, "cancelled", { ...NO_OUTCOME, code: "cancelled-by-person", reason }, now);
  return changed({ ...(ended as EndedRun), cancel: request });
}

/** Ends a run of which nobody knows how it ended. The host may say so yet, unless it was removed. */
export function endAsLost(
  run: ActiveRun,
  code: FailureCode & ("no-report" | "state-lost" | "host-removed"),
  now: number,
): AdvanceResult {
  return end(run, "lost", { ...NO_OUTCOME, code, reason: FAILURES[code].sentence }, now);
}
