import { type FailureCode, type Outcome, shorten } from "@nixfleet/protocol";
import type { ArmedDeadman, Undone } from "../spool/shapes.ts";

/** What a run found wrong with what it had activated. */
export interface UndoCause {
  code: FailureCode;
  reason: string;
}

/**
 * Whether a boot undoes: another boot is the evidence itself, and so is a window that has passed, unless a runner is at work on
 * it (a switch can start the boot's own unit).
 */
export function bootUndoes(
  armed: Pick<ArmedDeadman, "bootId" | "until">,
  at: { bootId: string; now: number; runnerLives: boolean },
): boolean {
  return armed.bootId !== at.bootId || (!at.runnerLives && at.now >= armed.until);
}

/** What is known of a run whose runner is gone, and that has no outcome. */
export interface LeftBehind {
  /** It was told that the dead-man switch is armed. */
  wasArmed: boolean;
  /** The record that is still there and is this run's. */
  isArmed: boolean;
  /** An undo of this run was begun, and whether it came to its end. */
  undo: "none" | "begun" | "ended";
  /** Whether the runner that is gone lived in this boot. */
  sameBoot: boolean;
  /** It is at work no more. `unknown`: it did not leave behind how it ended. */
  activation: "not-begun" | "succeeded" | "failed" | "unknown";
  /** What the run was deploying is what the mode was to bring about. */
  isActive: boolean;
}

/**
 * What the next runner does with it:
 * `unchanged`: nothing was done, the run has failed; `disarm`: the same, and the switch is to be disarmed;
 * `confirm`: it goes on where the killed one was; `undo`: it brings back what ran;
 * `undone`: somebody has brought it back; `confirmed`: it was disarmed by a confirmation;
 * `unarmed`: there was no dead-man switch, so what runs now is told and nothing else.
 */
export type Continuation = "unchanged" | "disarm" | "confirm" | "undo" | "undone" | "confirmed" | "unarmed";

export function continueAfterKill(left: LeftBehind): Continuation {
  if (left.isArmed) {
    if (left.undo !== "none" || !left.sameBoot) return "undo";
    switch (left.activation) {
      case "not-begun":
        return "disarm";
      case "succeeded":
        return left.isActive ? "confirm" : "undo";
      case "failed":
      case "unknown":
        return "undo";
    }
  }
  if (left.undo !== "none") return "undone";
  if (left.activation === "not-begun") return "unchanged";
  if (!left.wasArmed) return "unarmed";
  // Disarmed without an undo: a confirmation did that, and what runs says the same.
  return left.isActive ? "confirmed" : "undone";
}

/**
 * Milliseconds that are left of a confirm window, for a runner that goes on with it. Never more than the whole window, whatever the
 * clocks of the two runners say.
 */
export function windowLeft({ armedAt, until }: Pick<ArmedDeadman, "armedAt" | "until">, now: number): number {
  return Math.min(Math.max(0, until - now), until - armedAt);
}

/** How a run ends whose activation was undone. `cause` is what the run itself had found, if there was anybody to find it. */
export function undoneOutcome(
  undone: Undone,
  cause: UndoCause | null,
  details: { exitCode?: number; firstError?: string } = {},
): Outcome {
  const found = undone.cause ?? cause ?? CAUSES[undone.why];
  if (undone.endedAt === null || undone.left !== null) {
    const left = undone.left ?? "It did not come to its end.";
    return {
      state: "failed",
      code: "undo-failed",
      reason: shorten(`${found.reason} The undo did not bring back all: ${left}`, 2000),
      ...details,
    };
  }
  return {
    state: "rolled-back",
    code: found.code,
    reason: shorten(`${found.reason} ${WHO[undone.why]} brought back ${undone.back}.`, 2000),
    ...details,
  };
}

const CAUSES: Record<Undone["why"], UndoCause> = {
  runner: { code: "runner-killed", reason: "The runner was killed, and the activation did not end well." },
  timer: { code: "not-confirmed", reason: "Nobody confirmed the activation within its confirm window." },
  boot: { code: "host-restarted", reason: "The host went down before the activation was confirmed." },
  person: { code: "cancelled-by-person", reason: "A person asked for it on the host." },
};

const WHO: Record<Undone["why"], string> = {
  runner: "The run",
  timer: "The dead-man switch",
  boot: "The next boot",
  person: "nixfleet-agent undo",
};
