import type { Deployment, FailureCode, Phase, RefusalCode } from "@nixfleet/protocol";

// Values of JSON columns whose shape is the dashboard's own. What the protocol declares is stored as it declares it.

/** A phase that began. Times of the host are clamped between the time when the run was sent and now. */
export interface PhaseRecord {
  phase: Phase;
  startedAt: number;
  endedAt: number | null;
}

export interface RunOutcome {
  /** Null for a success and for a cancelled run that never began. */
  code: FailureCode | RefusalCode | null;
  reason: string | null;
  /** The line of a tool that a reader would point at. */
  firstError: string | null;
  /** Its line in the log, from 1. Hosts of older agents do not say. */
  firstErrorLine?: number | null;
  /** Reported by the host; false: decided by the dashboard without the host. */
  reported: boolean;
  /** The closure that runs again, of a run that was rolled back. */
  back?: string | null;
}

/** The host reports success; facts that it read then or later decide whether the goal is met (R22). */
export interface AwaitedProof {
  /** When the work ended, by the host's clock, as the facts' reading times are. */
  hostTime: number;
  /** When it ended, by the dashboard's clock. */
  endedAt: number;
  /** When the dashboard stops waiting. */
  until: number;
  /** It waits for the host to come back. */
  away?: boolean;
  /** The host's reason, kept until the end is certain. */
  reason: string | null;
}

/**
 * A question to the host about a run: absence is never proof. `asked`: it has to answer. `active`: past the deadline it said that it is
 * at work. `away`: past the deadline, and the host is not connected.
 */
export interface Inquiry {
  readonly kind: "asked" | "active" | "away";
  readonly at: number;
}

/** A switch that waits for its confirmation: until when, by the host's clock, and which closure comes back without one. */
export interface ArmedSwitch {
  until: number;
  back: string;
}

/** What a run activated. */
export type RunDeployment = Pick<Deployment, "closure" | "commit" | "mode">;

/** Which lines of a chunk have a level, by their place in it from 0; noise as ranges, both ends included. */
export interface LogMarks {
  errors: number[];
  warnings: number[];
  noise: [number, number][];
}
