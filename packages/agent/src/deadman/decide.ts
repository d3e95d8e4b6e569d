import { type FailureCode, type Outcome, shorten } from "@nixfleet/protocol";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import type { UndoRecord } from "../spool/shapes.ts";

/** What a run found wrong with what it had activated. */
export interface UndoCause {
  code: FailureCode;
  reason: string;
}

/** A moment, by what a program can tell of it. */
export interface Moment {
  bootId: string;
  /** The wall clock, in milliseconds. */
  now: number;
  /** The monotonic clock of this boot, in milliseconds. */
  monotonic: number;
}

/** Milliseconds until an armed record is due. By the monotonic clock where that is the one of its boot: nobody sets it. */
export function millisecondsLeft(armed: Pick<ArmedDeadman, "armedIn" | "dueAt" | "until">, at: Moment): number {
  const left = armed.dueAt === null || armed.armedIn !== at.bootId ? armed.until - at.now : armed.dueAt - at.monotonic;
  return Math.max(0, left);
}

/**
 * Whether a boot undoes: another boot is the evidence itself, and so is a window that has passed, unless a runner is active on
 * it (a switch can start the boot's own unit).
 */
export function bootUndoes(
  armed: Pick<ArmedDeadman, "armedIn" | "dueAt" | "until">,
  at: Moment & { runnerLives: boolean },
): boolean {
  return armed.armedIn !== at.bootId || (!at.runnerLives && millisecondsLeft(armed, at) === 0);
}

/**
 * The programs of an undo that are needed, in order. Profile and boot entry are put back only where the deployment may have touched
 * them. What ran is activated again unless a boot has done that: where a boot activates all of what it boots, nothing of another
 * activation outlives it.
 */
export function undoSteps(
  { undo, stage, armedIn, back }: Pick<ArmedDeadman, "undo" | "stage" | "armedIn" | "back">,
  at: { bootId: string; running: string | undefined; bootActivates: boolean },
): ArmedDeadman["undo"] {
  const wasBooted = at.bootActivates && armedIn !== at.bootId && at.running === back;
  const isNeeded = { activation: !wasBooted, profile: stage === "permanent", "boot-entry": stage === "permanent" };
  return undo.filter(({ kind }) => isNeeded[kind]);
}

/** A program of an undo that was run. `exitCode`: null: it did not end by itself. */
export interface EndedStep {
  kind: ArmedDeadman["undo"][number]["kind"];
  exitCode: number | null;
}

/**
 * Sentences for what nobody can look at, and whose program says that it failed: services that the activation left as they were, and the
 * boot entry of a boot loader whose files are not known here. Several programs of a kind are one after the other for the same thing: the
 * last one counts.
 */
export function failedUnseen(
  ended: readonly EndedStep[],
  { unitsFailedExitCode, isBootDefaultSeen }: { unitsFailedExitCode: number | undefined; isBootDefaultSeen: boolean },
): string[] {
  const codeOf = (kind: EndedStep["kind"]) => ended.findLast((step) => step.kind === kind)?.exitCode;
  const told = (code: number | null) => (code === null ? "it did not end by itself" : `exit code ${code}`);
  const activation = codeOf("activation");
  const entry = codeOf("boot-entry");
  const sentences: string[] = [];
  // Which units have failed is looked at.
  if (activation !== undefined && activation !== 0 && (activation === null || activation !== unitsFailedExitCode)) {
    sentences.push(`What ran before was activated again, and not to its end: ${told(activation)}.`);
  }
  if (entry !== undefined && entry !== 0 && !isBootDefaultSeen) {
    sentences.push(`The boot entry could not be put back (${told(entry)}): the next boot may bring what was undone.`);
  }
  return sentences;
}

/** The most confirm windows that one activation may have, however long the dashboard is away. */
export const MOST_WINDOWS = 5;

/** What a dashboard answered, as far as it says something of the path to it. */
export type PathEvidence =
  /** Nobody serves there now: the host has reached the machine, or what stands before it. */
  | "dashboard-away"
  /** The dashboard answers, and the host's agent has no link to it. */
  | "not-linked"
  /** None: no route, no name, no answer, or not for this host. */
  | "none";

/**
 * Whether a confirm window that ends without a confirmation is extended by another one: only where the path is proven and the
 * dashboard is what is missing. An agent that is on trial is judged by its link, so that a missing link counts only if
 * the dashboard was away too: an agent comes back to it in its own time.
 */
export function extendsWindow(seen: {
  /** What the last answer said, the only fault that was left. */
  last: PathEvidence;
  /** Whether the dashboard was seen away since this window began. */
  wasAway: boolean;
  /** Whether it is a new agent whose link is awaited. */
  isAgentOnTrial: boolean;
  windows: number;
}): boolean {
  if (seen.windows >= MOST_WINDOWS) return false;
  switch (seen.last) {
    case "dashboard-away":
      return true;
    case "not-linked":
      return seen.wasAway || !seen.isAgentOnTrial;
    case "none":
      return false;
  }
}

/** What is known of a run whose runner is gone, and that has no outcome. */
export interface InterruptedRun {
  /** It was told that the dead-man switch is armed. */
  wasArmed: boolean;
  /** The record that is still there and is this run's. */
  isArmed: boolean;
  /** An undo of this run was begun, and whether it finished. */
  undo: "none" | "begun" | "ended";
  /** Whether the runner that is gone lived in this boot. */
  sameBoot: boolean;
  /** It is no longer running. `unknown`: it did not leave behind how it ended. */
  activation: "not-begun" | "succeeded" | "failed" | "unknown";
  /** What the run was deploying is what the mode was to bring about. */
  isActive: boolean;
}

/**
 * What the next runner does with it:
 * `unchanged`: nothing was done, the run has failed; `disarm`: the same, and the switch is to be disarmed;
 * `confirm`: it continues where the killed one was; `undo`: it restores what ran;
 * `undone`: somebody has brought it back; `confirmed`: it was disarmed by a confirmation;
 * `unarmed`: there was no dead-man switch, so what runs now is reported and nothing else.
 */
export type Continuation = "unchanged" | "disarm" | "confirm" | "undo" | "undone" | "confirmed" | "unarmed";

export function continueAfterKill(left: InterruptedRun): Continuation {
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
 * Milliseconds that are left of a confirm window, for a runner that continues with it. Never more than the whole of it, whatever the
 * clocks say.
 */
export function windowLeft(armed: Pick<ArmedDeadman, "armedIn" | "dueAt" | "until" | "window" | "windows">, at: Moment): number {
  return Math.min(millisecondsLeft(armed, at), armed.window * armed.windows);
}

/** How a run ends whose activation was undone. `cause` is what the run itself had found, if there was anybody to find it. */
export function undoOutcome(
  undone: UndoRecord,
  cause: UndoCause | null,
  details: { exitCode?: number; firstError?: string } = {},
): Outcome {
  const found = undone.cause ?? cause ?? CAUSES[undone.why];
  if (undone.endedAt === null || undone.left !== null) {
    const left = undone.left ?? "It did not finish.";
    return {
      state: "failed",
      code: "undo-failed",
      reason: shorten(`${found.reason} The undo did not restore everything: ${left}`, 2000),
      ...details,
    };
  }
  return {
    state: "rolled-back",
    code: found.code,
    reason: shorten(`${found.reason} ${WHO[undone.why]} restored ${undone.back}.`, 2000),
    ...details,
  };
}

const CAUSES: Record<UndoRecord["why"], UndoCause> = {
  runner: { code: "runner-killed", reason: "The runner was killed, and the activation failed." },
  timer: { code: "not-confirmed", reason: "The activation was not confirmed in time." },
  boot: { code: "host-restarted", reason: "The host went down before the activation was confirmed." },
  person: { code: "cancelled-by-person", reason: "Undone by a person on the host." },
};

const WHO: Record<UndoRecord["why"], string> = {
  runner: "The run",
  timer: "The dead-man switch",
  boot: "The next boot",
  person: "nixfleet-agent undo",
};
