import {
  FAILURES,
  type Outcome,
  PHASE_LABELS,
  REFUSALS,
  type RefusalCode,
  type RunEvent,
  type SkippableRefusal,
  sentence,
  withoutControls,
} from "@nixfleet/protocol";
import { stripEscapes } from "../escape-sequences.ts";

/** Between two lines of progress, in milliseconds. */
const PROGRESS_MS = 2000;

/** A text of somebody else's as one line for a terminal: nothing in it acts there (R50). */
export function printable(text: string): string {
  return withoutControls(stripEscapes(text)).replaceAll("\n", " ");
}

/** Tells a run to a person at a terminal, event by event. */
export function createRunPrinter(write: (text: string) => void): (event: RunEvent) => void {
  let progressAt = Number.NEGATIVE_INFINITY;
  let told = "";
  const line = (text: string) => write(`${printable(text)}\n`);

  return (event) => {
    switch (event.kind) {
      case "phase":
        progressAt = Number.NEGATIVE_INFINITY;
        return line(`== ${PHASE_LABELS[event.phase]}`);
      case "command":
        return line(`$ ${event.argv.join(" ")}`);
      case "log":
        for (const { text, continues } of event.lines) write(`${printable(text)}${continues ? "" : "\n"}`);
        return;
      case "progress": {
        const { builds, copies } = event.progress;
        if (builds.expected + copies.expected === 0) return;
        const text = `   built ${builds.done} of ${builds.expected}, fetched ${copies.done} of ${copies.expected}`;
        if (text === told || event.at - progressAt < PROGRESS_MS) return;
        progressAt = event.at;
        told = text;
        return line(text);
      }
      case "diff": {
        const { added, removed, changed } = event.diff;
        return line(`   ${added.length} packages come, ${removed.length} go, ${changed.length} change`);
      }
      case "armed":
        return line(`   unless it is confirmed until ${timeOf(event.until)}, the host goes back to ${event.back}`);
      case "deployed":
        return line(`   runs ${event.deployment.closure}`);
      case "testResult":
        return line(`   ${event.result.script}: ${event.result.outcome}`);
      case "warning":
        return line(`warning: ${event.message}`);
      case "finished":
        return line(describeOutcome(event.outcome, nextByHand));
      case "started":
      case "preview":
      case "restart":
        return;
      default:
        event satisfies never;
    }
  };
}

/** The next step for a person at the terminal, where a word replaces the page's dialog and allowRewind restricts nobody. */
const FORCE_BY_HAND: Record<SkippableRefusal, string> = {
  "already-current": "Nothing needs to be done. --force does it anyway.",
  "not-fast-forward": "Deploy a newer commit, or go back to this one with --force.",
  "agent-missing": "Keep services.nixfleet-agent enabled in the host's configuration, or remove the agent with --force.",
  "would-lock-out": "Keep what is named here in the host's configuration and push it, or give it up with --force.",
};

function nextByHand(code: RefusalCode): string {
  return Object.hasOwn(FORCE_BY_HAND, code) ? FORCE_BY_HAND[code as SkippableRefusal] : REFUSALS[code].next;
}

/** How a run ended, and what a person can do about it. */
export function describeOutcome(outcome: Outcome, nextOf = (code: RefusalCode): string => REFUSALS[code].next): string {
  switch (outcome.state) {
    case "succeeded":
      return outcome.reason === undefined ? "succeeded" : `succeeded: ${outcome.reason}`;
    case "cancelled":
      return `cancelled: ${outcome.reason}`;
    case "refused":
      return `refused (${outcome.code}): ${sentence(outcome.reason)} ${nextOf(outcome.code)}`;
    case "failed":
    case "rolled-back":
    case "timed-out":
      return `${outcome.state} (${outcome.code}): ${sentence(outcome.reason)} ${FAILURES[outcome.code].next}`;
  }
}

/** A time as a person reads it, and the same everywhere. */
export function timeOf(at: number): string {
  return new Date(at).toISOString();
}
