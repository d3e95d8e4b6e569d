import type { Clock } from "./clock.ts";

/** How the round before ended; "none" before the first one. */
export type LastRound = "none" | "succeeded" | "failed";

export interface EveryOptions {
  /**
   * Milliseconds from the end of one round to the next. A function is asked at the start, after each round and at `reschedule`: for
   * times of the clock, deadlines, and longer pauses after a failure. Infinity: no round until `runNow` or `reschedule`; a negative
   * number counts as 0.
   */
  interval: number | ((last: LastRound) => number);
  clock: Clock;
  /** A round or the interval's function threw. Not called for the AbortError of a round that disposal ended. */
  onError: (error: unknown) => void;
  /** The first round begins at once (after the present turn), and not after an interval. */
  immediately?: boolean;
}

/** Recurring work. Disposal cancels the timer, aborts the signal of the round under way and waits for its end. */
export interface Recurring extends AsyncDisposable {
  /**
   * Runs a round that begins after this call: now, or right after the one under way. Calls made before it begins share it. Resolves at
   * its end, also if it failed; at once after disposal.
   */
  runNow(): Promise<void>;
  /** Asks for the interval again, counted from now. During a round it does nothing: its end asks anyway. */
  reschedule(): void;
}

/** The pause where the interval's function throws or gives no number, in milliseconds. */
const FALLBACK_INTERVAL = 60_000;

/** Does `work` again and again. Rounds never overlap, and a round that throws is reported and never the last. */
export function every(work: (signal: AbortSignal) => void | Promise<void>, options: EveryOptions): Recurring {
  const { interval, clock, onError, immediately = false } = options;
  const ending = new AbortController();
  const { signal } = ending;
  let timer: { cancel(): void } | undefined;
  let current: Promise<void> | null = null;
  /** The round that follows the current one at once. */
  let following: Promise<void> | null = null;
  let last: LastRound = "none";

  function pause(): number {
    if (typeof interval === "number") return interval;
    try {
      const milliseconds = interval(last);
      if (!Number.isNaN(milliseconds)) return milliseconds;
      onError(new TypeError("The interval is not a number"));
    } catch (error) {
      onError(error);
    }
    return FALLBACK_INTERVAL;
  }

  function schedule(): void {
    timer?.cancel();
    timer = undefined;
    if (signal.aborted || current !== null || following !== null) return;
    const milliseconds = pause();
    if (milliseconds !== Number.POSITIVE_INFINITY) timer = clock.setTimeout(() => void begin(), Math.max(0, milliseconds));
  }

  async function round(): Promise<void> {
    try {
      await work(signal);
      last = "succeeded";
    } catch (error) {
      last = "failed";
      if (!(signal.aborted && error instanceof Error && error.name === "AbortError")) onError(error);
    }
  }

  function begin(start: Promise<void> | null = null): Promise<void> {
    timer?.cancel();
    const running = (start === null ? round() : start.then(() => (signal.aborted ? undefined : round()))).finally(() => {
      current = null;
      schedule();
    });
    current = running;
    return running;
  }

  const follow = () => {
    following = null;
    return signal.aborted ? undefined : begin();
  };

  if (immediately) void begin(Promise.resolve());
  else schedule();

  return {
    runNow() {
      if (signal.aborted) return Promise.resolve();
      if (current === null && following === null) return begin();
      following ??= Promise.resolve(current).then(follow, follow);
      return following;
    },
    reschedule: schedule,
    async [Symbol.asyncDispose]() {
      ending.abort();
      timer?.cancel();
      await Promise.allSettled([current, following]);
    },
  };
}
