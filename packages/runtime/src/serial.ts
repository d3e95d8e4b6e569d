/** Does one piece of work after another, in the order of the calls. A piece that fails stops none behind it. */
export interface Serial {
  /** Does `work` after all that was added before. Settles as it does: the caller handles its error. */
  run<T>(work: () => T | Promise<T>): Promise<T>;
  /** As `run`, for work whose result nobody waits for: an error goes to `onError`, and the promise never rejects. */
  add(work: () => void | Promise<void>): Promise<void>;
  /** Resolves when all that was added before this call has ended. */
  settled(): Promise<void>;
}

export function createSerial({ onError }: { onError: (error: unknown) => void }): Serial {
  let last: Promise<unknown> = Promise.resolve();

  const run = <T>(work: () => T | Promise<T>): Promise<T> => {
    const result = last.then(() => work());
    last = result.catch(() => undefined); // The caller has the error; those behind have nothing to do with it.
    return result;
  };

  return {
    run,
    add: (work) => run(work).catch(onError),
    async settled() {
      await last;
    },
  };
}
