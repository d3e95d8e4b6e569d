/** Time as a parameter: whatever waits or stamps takes a Clock, so that tests turn the hands themselves. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds, unless cancelled before. Cancelling twice, or late, does nothing. */
  setTimeout(fn: () => void, ms: number): { cancel(): void };
}

/** The longest time that Node's timers take; a longer one would fire after 1 ms. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(fn, ms) {
    let timer: NodeJS.Timeout;
    const wait = (left: number) => {
      const part = Math.min(left, LONGEST_TIMER);
      timer = setTimeout(() => (left > part ? wait(left - part) : fn()), part);
    };
    wait(ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
