/**
 * Work on things that are known by a key, one after the other, in the order in which they were first added. Requests for a key that
 * has not begun are merged into one; during its work a new one waits for its own turn.
 */
export interface KeyedQueue<K, R> {
  /** Has the request done. Resolves when it has ended, also if it failed. Begins after the present turn at the earliest. */
  add(key: K, request: R): Promise<void>;
  /** Resolves when all that was added before this call has ended; with a key, all that was added for this key. */
  settled(key?: K): Promise<void>;
}

export interface KeyedQueueDeps<K, R> {
  work: (key: K, request: R) => void | Promise<void>;
  /** One request for two that have not begun. */
  merge: (first: R, second: R) => R;
  onError: (key: K, error: unknown) => void;
}

interface Entry<R> {
  request: R;
  done: PromiseWithResolvers<void>;
}

export function createKeyedQueue<K, R>({ work, merge, onError }: KeyedQueueDeps<K, R>): KeyedQueue<K, R> {
  const waiting = new Map<K, Entry<R>>();
  let current: { key: K; done: Promise<void> } | null = null;

  /** Takes the next entry only after the last one has ended; each begins with a microtask of its own. */
  function next(): void {
    const entry = waiting.entries().next().value;
    if (entry === undefined) {
      current = null;
      return;
    }
    const [key, { request, done }] = entry;
    waiting.delete(key);
    current = { key, done: done.promise };
    void Promise.try(work, key, request)
      .catch((error: unknown) => onError(key, error))
      .finally(() => {
        done.resolve();
        next();
      });
  }

  return {
    add(key, request) {
      const before = waiting.get(key);
      if (before !== undefined) {
        before.request = merge(before.request, request);
        return before.done.promise;
      }
      const done = Promise.withResolvers<void>();
      waiting.set(key, { request, done });
      if (current === null) {
        // Begun after the present turn: requests of one turn are merged.
        current = { key, done: done.promise };
        queueMicrotask(next);
      }
      return done.promise;
    },
    async settled(key) {
      const entries = key === undefined ? [...waiting.values()] : [waiting.get(key)];
      const now = current !== null && (key === undefined || current.key === key) ? current.done : undefined;
      await Promise.all([now, ...entries.map((entry) => entry?.done.promise)]);
    },
  };
}
