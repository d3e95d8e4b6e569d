/** Does at most so many pieces of work at a time, the others in the order of the calls. */
export interface Limiter {
  /** Settles as `work` does. */
  run<T>(work: () => T | Promise<T>): Promise<T>;
}

/** "busy": too many wait already, and the work was not and will not be done. */
export type LimitedResult<T> = { kind: "done"; value: T } | { kind: "busy" };

/** A limiter whose line is bounded. */
export interface BoundedLimiter {
  /** Answers "busy" at once when the line is full; otherwise settles as `work` does. */
  run<T>(work: () => T | Promise<T>): Promise<LimitedResult<T>>;
}

/** `concurrent`: pieces of work at a time, 1 at least. `waiting`: callers that may wait for their turn, without a bound if it is not given. */
export function createLimiter(limits: { concurrent: number; waiting: number }): BoundedLimiter;
export function createLimiter(limits: { concurrent: number; waiting?: undefined }): Limiter;
export function createLimiter({
  concurrent,
  waiting,
}: {
  concurrent: number;
  waiting?: number | undefined;
}): BoundedLimiter | Limiter {
  if (!(concurrent >= 1)) throw new RangeError("A limiter does one piece of work at a time at least");
  const line: (() => void)[] = [];
  let running = 0;

  async function take<T>(work: () => T | Promise<T>): Promise<T> {
    if (running >= concurrent) await new Promise<void>((resolve) => line.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next === undefined) running -= 1;
      else next(); // The place is handed over, so that no later caller comes before.
    }
  }

  if (waiting === undefined) return { run: take };
  return {
    async run<T>(work: () => T | Promise<T>): Promise<LimitedResult<T>> {
      if (running >= concurrent && line.length >= waiting) return { kind: "busy" };
      return { kind: "done", value: await take(work) };
    },
  };
}
