import type { HostId, OpName, OpRequest, QueueReason, RunHold, RunId, SourceId, TerminalState } from "@nixfleet/protocol";
import type { ActorRef } from "../actor.ts";
import type { ArmedSwitch, AwaitedProof, PhaseRecord, RunDeployment, RunOutcome } from "../store/index.ts";

/** What was asked for: it never changes. Times are the dashboard's. */
export interface RunOrder {
  readonly id: RunId;
  /** Null: the dashboard's own run. */
  readonly hostId: HostId | null;
  /** The host's name when the run was made. */
  readonly hostName: string | null;
  readonly request: OpRequest;
  readonly sourceId: SourceId | null;
  /** The commit that it is about; null for an op that needs none. */
  readonly commit: string | null;
  /** Milliseconds that it may take on the host. */
  readonly deadline: number;
  readonly createdAt: number;
  /** Who asked for it. */
  readonly actor: ActorRef;
  /** Checks that may be skipped are. */
  readonly force: boolean;
}

/** Who asked to cancel it, and when. */
export interface CancelRequest {
  readonly at: number;
  readonly by: string | null;
}

/** Waits for its host, for a run before it, or for what holds it. */
export interface QueuedRun extends RunOrder {
  readonly stage: "queued";
  readonly state: "queued";
  readonly queueReason: QueueReason;
  readonly hold: RunHold | null;
  /** Since when nothing but its host keeps it waiting, or is to. */
  readonly waitingSince: number;
}

/** Sent to the host, of which the host knows or may know. */
interface SentRun extends RunOrder {
  readonly sentAt: number;
  readonly cancel: CancelRequest | null;
  /** The host has gone meanwhile; says nothing about the outcome (R2). */
  readonly linkLost: boolean;
  /** What the host shows when it asks to be confirmed; null: an earlier version sent it without one. */
  readonly confirmSecret: string | null;
}

/** Sent, and not begun for all that is known. */
export interface StartingRun extends SentRun {
  readonly stage: "starting";
  readonly state: "starting";
}

/** What a run has done so far. */
interface Progress {
  readonly startedAt: number;
  /** Past half of its deadline: informs, ends nothing (R15). */
  readonly slow: boolean;
  readonly phases: readonly PhaseRecord[];
  readonly deployed: RunDeployment | null;
  /** The host's dead-man switch is armed by this run; null: it is not, or not any more. */
  readonly armed: ArmedSwitch | null;
}

/** At work on the host. */
export interface RunningRun extends SentRun, Progress {
  readonly stage: "running";
  readonly state: "running";
}

/** Done by the host's account; what it reads of itself decides. For everybody else it is still running. */
export interface ProvingRun extends SentRun, Progress {
  readonly stage: "proving";
  readonly state: "running";
  readonly awaitedProof: AwaitedProof;
}

/** Over, for good. */
export interface EndedRun extends RunOrder {
  readonly stage: "ended";
  readonly state: TerminalState;
  readonly endedAt: number;
  readonly outcome: RunOutcome;
  /** What the host reported after the run had ended without it. */
  readonly lateReport: string | null;
  /** Null: it never was. */
  readonly sentAt: number | null;
  readonly startedAt: number | null;
  readonly cancel: CancelRequest | null;
  readonly phases: readonly PhaseRecord[];
  readonly deployed: RunDeployment | null;
}

/** One execution of one op: what `advance` decides on and changes. */
export type Run = QueuedRun | StartingRun | RunningRun | ProvingRun | EndedRun;

/** The host has it, or may have it. */
export type ActiveRun = StartingRun | RunningRun | ProvingRun;

/** A run that nobody has sent yet. */
export function newRun(order: RunOrder, wait: { queueReason: QueueReason; hold?: RunHold | null }): QueuedRun {
  return {
    ...order,
    stage: "queued",
    state: "queued",
    queueReason: wait.queueReason,
    hold: wait.hold ?? null,
    waitingSince: order.createdAt,
  };
}

export const opOf = (run: RunOrder): OpName => run.request.op;

/** The phases that a run went through; none before it began. */
export function phasesOf(run: Run): readonly PhaseRecord[] {
  switch (run.stage) {
    case "queued":
    case "starting":
      return [];
    case "running":
    case "proving":
    case "ended":
      return run.phases;
  }
}

export const startedAtOf = (run: Run): number | null => ("startedAt" in run ? run.startedAt : null);
export const endedAtOf = (run: Run): number | null => (run.stage === "ended" ? run.endedAt : null);
export const isActive = (run: Run): run is ActiveRun => run.stage !== "queued" && run.stage !== "ended";
