import { REFUSED_WAIT } from "@nixfleet/protocol";

/** The first try again comes within this many milliseconds, the second within twice as many, and so on. */
const FIRST_WINDOW = 1000;
/** No try again comes later than this, in milliseconds, unless the dashboard asks for it. */
export const LONGEST_WAIT = 30_000;
/** No server's word keeps an agent away for longer, in milliseconds: it may be a proxy's, or a mistake, and is over unsaid (R26). */
export const LONGEST_NAMED_WAIT = 300_000;
/** A thousand agents that were given the same time come back within this many milliseconds of it. */
const SPREAD = 5000;

export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  /** The link was stable: the next failure is a first one again. */
  reset(): void;
}

/**
 * Exponential backoff with full jitter: each wait is drawn evenly from zero to a window that doubles up to `LONGEST_WAIT`, so that
 * a thousand agents which lost the same dashboard do not come back in waves (R28; AWS Architecture Blog, "Exponential Backoff
 * And Jitter"). `random` gives numbers from 0 up to but not including 1.
 */
export function createBackoff(random: () => number): Backoff {
  let window = FIRST_WINDOW;
  return {
    next() {
      const wait = Math.floor(random() * window);
      window = Math.min(window * 2, LONGEST_WAIT);
      return wait;
    },
    reset() {
      window = FIRST_WINDOW;
    },
  };
}

/** Wait after a server named a time, in seconds: not earlier, and spread over the five seconds after it; five minutes at most. */
export function waitAfter(seconds: number, random: () => number): number {
  const named = Math.min(Math.floor(seconds * 1000), LONGEST_NAMED_WAIT - SPREAD);
  return named + Math.floor(random() * SPREAD);
}

/** Wait while only a person can fix the cause (token revoked, protocol too old): half a minute to a minute. */
export function slowWait(random: () => number): number {
  return Math.floor((REFUSED_WAIT / 2) * (1 + random()));
}
