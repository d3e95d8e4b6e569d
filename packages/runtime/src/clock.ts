/** Time as a parameter: whatever waits or stamps takes a Clock, so that tests turn the hands themselves. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds, unless cancelled before. Cancelling twice, or late, does nothing. */
  setTimeout(fn: () => void, ms: number): { cancel(): void };
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => {
    const timer = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
