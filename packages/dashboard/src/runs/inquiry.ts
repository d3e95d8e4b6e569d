import type { FailureCode } from "@nixfleet/protocol";
import type { Inquiry } from "../store/index.ts";
import type { RunningRun, StartingRun } from "./run.ts";
import { type AdvanceResult, changed, endAsLost, startOf, unchanged } from "./transition.ts";

/** How long after the deadline the host may still report that it stopped the run itself, in milliseconds. */
export const REPORT_GRACE = 60_000;
/** How long a connected host may take to say what it holds of a run, in milliseconds. */
export const ANSWER_LIMIT = 60_000;
/** When a host that says that a run past its deadline is at work is asked again, in milliseconds. */
const ASK_AGAIN = 5 * 60_000;
/** How long after the deadline a host may stay away until its run counts as lost, in milliseconds. */
export const AWAY_LIMIT = 7 * 24 * 60 * 60_000;

type SentRun = StartingRun | RunningRun;

/** When a run that its host has not reported as ended is looked into. */
const overdueAt = (run: SentRun) => startOf(run) + run.deadline + REPORT_GRACE;
const isOverdue = (run: SentRun, now: number) => now >= overdueAt(run);

/** When the next step of the inquiry is due; without one: when it begins. */
export function inquiryDueAt(run: SentRun): number {
  switch (run.inquiry?.kind) {
    case undefined:
      return overdueAt(run);
    case "asked":
      return run.inquiry.at + ANSWER_LIMIT;
    case "active":
      return run.inquiry.at + ASK_AGAIN;
    case "away":
      return run.inquiry.at + AWAY_LIMIT;
  }
}

/**
 * Asks the host before anything is concluded (R67): a run is lost only if a host that is connected does not answer, says that it has
 * nothing of it, or stays away for good. A host that says that the run is at work is believed, however long that takes: it stops the
 * run itself at its deadline.
 */
export function onInquiryTick(run: SentRun, connected: boolean, now: number): AdvanceResult {
  if (now < inquiryDueAt(run)) return unchanged(run);
  if (connected) return run.inquiry?.kind === "asked" ? endAsLost(run, "no-report", now) : askHost(run, now);
  return run.inquiry?.kind === "away"
    ? endAsLost(run, "no-report", now)
    : changed({ ...run, inquiry: { kind: "away", at: now } });
}

/** Asks the host, which is connected, what it holds of the run. */
export function askHost(run: SentRun, now: number): AdvanceResult {
  return changed({ ...run, linkLost: false, inquiry: { kind: "asked", at: now } }, "askHost");
}

/** The host holds the run, and has not ended it. */
export function onHeld<R extends SentRun>(run: R, now: number): R {
  const inquiry: Inquiry | null = isOverdue(run, now) ? { kind: "active", at: now } : null;
  return run.linkLost || run.inquiry !== null || inquiry !== null ? { ...run, linkLost: false, inquiry } : run;
}

/** The host has disconnected: a question that it has not answered is put again when it is back. */
export function onLinkDown<R extends SentRun>(run: R, now: number): R {
  if (run.inquiry?.kind !== "asked") return run.linkLost ? run : { ...run, linkLost: true };
  return { ...run, linkLost: true, inquiry: isOverdue(run, now) ? { kind: "away", at: now } : null };
}

/** The host has nothing of the run, or has lost how it ended. */
export function onNothingHeld(run: SentRun, now: number): AdvanceResult {
  return endAsLost(run, "state-lost" satisfies FailureCode, now);
}
