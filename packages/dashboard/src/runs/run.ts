import type { HostId, OpName, OpRequest, QueueReason, RunHold, RunId, SourceId, TerminalState } from "@nixfleet/protocol";
import type { ActorRef } from "../actor.ts";
import type { ArmedSwitch, AwaitedProof, Inquiry, PhaseRecord, RunDeployment, RunOutcome } from "../store/index.ts";

/** The request behind a run, which never changes. Times are by the dashboard's clock. */
export interface RunOrder {
  readonly id: RunId;
  /** Null: the dashboard's own run. */
  readonly hostId: HostId | null;
  /** The host's name when the run was created. */
  readonly hostName: string | null;
  readonly request: OpRequest;
  readonly sourceId: SourceId | null;
  /** Null for an op that needs no commit. */
  readonly commit: string | null;
  /** Milliseconds that it may take on the host. */
  readonly deadline: number;
  readonly createdAt: number;
  /** Who requested it. */
  readonly actor: ActorRef;
  /** Skips the checks that can be skipped. */
  readonly force: boolean;
}

/** Who requested the cancellation, and when. */
export interface CancelRequest {
  readonly at: number;
  readonly by: string | null;
}

/** Waits for its host, for an earlier run, or for its hold to end. */
export interface QueuedRun extends RunOrder {
  readonly stage: "queued";
  readonly state: "queued";
  readonly queueReason: QueueReason;
  readonly hold: RunHold | null;
  /** Since when nothing but its host keeps it waiting. */
  readonly waitingSince: number;
}

/** Sent to the host, which has or may have received it. */
interface SentRun extends RunOrder {
  readonly sentAt: number;
  readonly cancel: CancelRequest | null;
  /** The host has disconnected since; says nothing about the outcome (R2). */
  readonly linkLost: boolean;
  /** Sent by the host with its request to be confirmed; null: started by an earlier version without one. */
  readonly confirmSecret: string | null;
  readonly inquiry: Inquiry | null;
  /** It had ended here, or was not known here, and its host says that it is active: the host may have been given another since. */
  readonly reopened: boolean;
}

/** Sent, not known to have started. */
export interface StartingRun extends SentRun {
  readonly stage: "starting";
  readonly state: "starting";
}

/** Progress of a run so far. */
interface Progress {
  readonly startedAt: number;
  /** Past half of its deadline: for information only (R15). */
  readonly slow: boolean;
  readonly phases: readonly PhaseRecord[];
  readonly deployed: RunDeployment | null;
  /** The dead-man switch that this run armed; null: not armed. */
  readonly armed: ArmedSwitch | null;
}

/** Active on the host. */
export interface RunningRun extends SentRun, Progress {
  readonly stage: "running";
  readonly state: "running";
}

/** Finished according to the host; facts must prove it. To everybody else it is still running. */
export interface ProvingRun extends SentRun, Progress {
  readonly stage: "proving";
  readonly state: "running";
  readonly awaitedProof: AwaitedProof;
}

/** Ended; for good, unless it is lost. */
export interface EndedRun extends RunOrder {
  readonly stage: "ended";
  readonly state: TerminalState;
  readonly endedAt: number;
  readonly outcome: RunOutcome;
  /** A report of the host that arrived after the run had ended. */
  readonly lateReport: string | null;
  /** Null: it was never sent. */
  readonly sentAt: number | null;
  readonly startedAt: number | null;
  readonly cancel: CancelRequest | null;
  readonly phases: readonly PhaseRecord[];
  readonly deployed: RunDeployment | null;
  readonly reopened: boolean;
  /** Of a lost run, which may turn out to be active. */
  readonly confirmSecret: string | null;
}

/** One execution of one op, as `advance` takes and returns it. */
export type Run = QueuedRun | StartingRun | RunningRun | ProvingRun | EndedRun;

/** The host has received it, or may have. */
export type ActiveRun = StartingRun | RunningRun | ProvingRun;

/** Creates a queued run. */
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

/** The phases that a run went through; none before it started. */
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
