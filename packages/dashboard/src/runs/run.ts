import type {
  Deployment,
  FailureCode,
  HostId,
  OpName,
  OpRequest,
  Phase,
  QueueReason,
  RefusalCode,
  RunId,
  RunState,
} from "@nixfleet/protocol";

/** A phase that began, by the dashboard's clock: what the host says is held between the run's sending and now. */
export interface PhaseRecord {
  phase: Phase;
  startedAt: number;
  endedAt: number | null;
}

export interface RunOutcome {
  /** Null for a success and for a cancelled run that never began. */
  code: FailureCode | RefusalCode | null;
  reason: string | null;
  /** The tool's own first line. */
  firstError: string | null;
  /** The host said so; false: the dashboard did, without the host. */
  reported: boolean;
  /** The closure that runs again, of a run that was rolled back. */
  back?: string | null;
}

/** The host says that the work ended well; facts that it read then or later decide whether the goal is met (R22). */
export interface AwaitedProof {
  /** When the work ended, by the host's clock, as the facts' reading times are. */
  hostTime: number;
  /** When it ended, by the dashboard's clock. */
  endedAt: number;
  /** When waiting ends. */
  until: number;
  /** What the host said of its end, kept until the end is certain. */
  reason: string | null;
}

/** A switch that waits for its confirmation: until when, by the host's clock, and which closure comes back without one. */
export interface Armed {
  until: number;
  back: string;
}

/** One execution of one op on one host: what `advance` decides on and changes. Times are the dashboard's. */
export interface Run {
  readonly id: RunId;
  readonly hostId: HostId;
  readonly request: OpRequest;
  /** The commit that it is about; null for an op that needs none. */
  readonly commit: string | null;
  /** Milliseconds that it may take on the host. */
  readonly deadline: number;
  readonly createdAt: number;
  /** Who asked for it. */
  readonly askedBy: string;
  /** Checks that may be skipped are. */
  readonly force: boolean;
  readonly state: RunState;
  /** Why it waits; null unless it is queued. */
  readonly queueReason: QueueReason | null;
  readonly sentAt: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly cancelAskedAt: number | null;
  readonly cancelAskedBy: string | null;
  /** The host has gone while it is starting or running; says nothing about its outcome (R2). */
  readonly linkLost: boolean;
  /** Past half of its deadline: informs, ends nothing (R15). */
  readonly slow: boolean;
  readonly phases: readonly PhaseRecord[];
  readonly deployed: Pick<Deployment, "closure" | "commit" | "mode"> | null;
  /** The host's dead-man switch is armed by this run; null: it is not, or not any more. */
  readonly armed: Armed | null;
  /** What the host shows when it asks to be confirmed: made when the run is sent, gone when it has ended. */
  readonly confirmSecret: string | null;
  readonly awaitedProof: AwaitedProof | null;
  readonly outcome: RunOutcome | null;
  /** What the host reported after the run had ended without it. */
  readonly lateReport: string | null;
}

/** A run that nobody has sent yet. */
export function newRun(
  asked: Pick<Run, "id" | "hostId" | "request" | "commit" | "deadline" | "createdAt" | "askedBy" | "force"> & {
    queueReason?: QueueReason | null;
  },
): Run {
  return {
    queueReason: null,
    ...asked,
    state: "queued",
    sentAt: null,
    startedAt: null,
    endedAt: null,
    cancelAskedAt: null,
    cancelAskedBy: null,
    linkLost: false,
    slow: false,
    phases: [],
    deployed: null,
    armed: null,
    confirmSecret: null,
    awaitedProof: null,
    outcome: null,
    lateReport: null,
  };
}

export const opOf = (run: Run): OpName => run.request.op;
