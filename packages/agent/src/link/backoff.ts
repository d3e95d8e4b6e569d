/** The first try again comes within this many milliseconds, the second within twice as many, and so on. */
const FIRST_WINDOW = 1000;
/** No try again comes later than this, in milliseconds, unless the dashboard asks for it. */
export const LONGEST_WAIT = 30_000;

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

/** Wait after the dashboard named a time, in seconds: never earlier, and spread over the five seconds after it. */
export function waitAfter(seconds: number, random: () => number): number {
  return Math.floor(seconds * 1000) + Math.floor(random() * 5000);
}

/** Wait while only a person can fix the cause (token revoked, protocol too old): half a minute to a minute. */
export function slowWait(random: () => number): number {
  return Math.floor(LONGEST_WAIT * (1 + random()));
}
