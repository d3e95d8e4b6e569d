import { storeName } from "@nixfleet/protocol";
import { formatDuration, formatTimeOfDay } from "../format/duration.ts";

/** What an armed dead-man switch waits for, in pieces: what is so, how long that still goes, and what happens otherwise. */
export interface ArmedWords {
  readonly lead: string;
  /** Null: the window is over. */
  readonly left: string | null;
  readonly otherwise: string;
}

/** `back`: what the host goes back to, as a store path or in words. */
export function armedWords({ until, back }: { until: number; back: string }, now: number): ArmedWords {
  if (now >= until) {
    return {
      lead: `Was not confirmed until ${formatTimeOfDay(until)}`,
      left: null,
      otherwise: `The host goes back to ${storeName(back)}.`,
    };
  }
  return {
    lead: `Waits for confirmation until ${formatTimeOfDay(until)}`,
    // Rounded up: it counts down to one, and nothing is over before it is.
    left: formatDuration(Math.ceil((until - now) / 1_000) * 1_000),
    otherwise: `Otherwise the host goes back to ${storeName(back)}.`,
  };
}
