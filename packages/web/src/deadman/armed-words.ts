import { storeName } from "@nixfleet/protocol";
import { formatDuration, formatTimeOfDay } from "../format/duration.ts";

/** The text of an armed dead-man switch, in parts: the state, the time left, and what happens otherwise. */
export interface ArmedWords {
  readonly lead: string;
  /** Null: the window is over. */
  readonly left: string | null;
  readonly otherwise: string;
}

/** `back`: what the host rolls back to, as a store path or in words. */
export function armedWords({ until, back }: { until: number; back: string }, now: number): ArmedWords {
  if (now >= until) {
    return {
      lead: `Not confirmed by ${formatTimeOfDay(until)}`,
      left: null,
      otherwise: `The host is rolling back to ${storeName(back)}.`,
    };
  }
  return {
    lead: `Waiting for confirmation until ${formatTimeOfDay(until)}`,
    // Rounded up: it counts down to one, and nothing is over before it is.
    left: formatDuration(Math.ceil((until - now) / 1_000) * 1_000),
    otherwise: `Otherwise the host rolls back to ${storeName(back)}.`,
  };
}
