/** Work on things that are known by a key, one after the other, where asking again before it was begun costs nothing. */
export interface KeyedWork<K, D> {
  /** Has `what` done for the key, after what is under way. Resolves when it is done, also if it failed. */
  ask(key: K, what: D): Promise<void>;
  /** Resolves when all that was asked for before this call is done; with a key, all that was asked for this key. */
  settled(key?: K): Promise<void>;
}

interface Entry<D> {
  what: D;
  done: PromiseWithResolvers<void>;
}

export function createKeyedWork<K, D>(deps: {
  work: (key: K, what: D) => Promise<void>;
  /** What is to be done for two askings that were not begun yet. */
  merge: (first: D, second: D) => D;
  onError: (key: K, error: unknown) => void;
}): KeyedWork<K, D> {
  const waiting = new Map<K, Entry<D>>();
  let current: { key: K; done: Promise<void> } | null = null;

  async function run(): Promise<void> {
    for (let next = waiting.entries().next().value; next !== undefined; next = waiting.entries().next().value) {
      const [key, { what, done }] = next;
      waiting.delete(key);
      current = { key, done: done.promise };
      try {
        await deps.work(key, what);
      } catch (error) {
        deps.onError(key, error);
      }
      done.resolve();
    }
    current = null;
  }

  return {
    ask(key, what) {
      const before = waiting.get(key);
      if (before !== undefined) {
        before.what = deps.merge(before.what, what);
        return before.done.promise;
      }
      const done = Promise.withResolvers<void>();
      waiting.set(key, { what, done });
      if (current === null) {
        // Begun after the present turn: what is said in one go is done in one go.
        current = { key, done: done.promise };
        queueMicrotask(() => void run());
      }
      return done.promise;
    },
    async settled(key) {
      const ends = key === undefined ? [...waiting.values()] : [waiting.get(key)];
      const now = current !== null && (key === undefined || current.key === key) ? current.done : undefined;
      await Promise.all([now, ...ends.map((entry) => entry?.done.promise)]);
    },
  };
}
