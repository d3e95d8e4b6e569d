import type { HostId, RunId } from "@nixfleet/protocol";
import type { Logger } from "./logger.ts";

/** What has changed. It is said after the change is stored; who needs to know more reads it there. */
export interface BusEvents {
  /** Anything of a host that a page may show: its record, facts, link, conflict. */
  "host.changed": { hostId: HostId };
  "host.removed": { hostId: HostId };
  /** A new measurement; it is in the links' live state only. */
  "host.metrics": { hostId: HostId };
  /** A run is new, or its state, phase, progress or outcome changed. */
  "run.changed": { runId: RunId; hostId: HostId };
  /** The log of a run grew; `lastLine` is the number of its last line. */
  "run.logged": { runId: RunId; lastLine: number };
  "target.changed": Record<string, never>;
  "audit.added": { seq: number };
  /** The database can be written no more, or again. */
  "storage.changed": Record<string, never>;
  "session.ended": { sessionId: string };
  /** The host's token was replaced or revoked: what it let in must go. */
  "token.ended": { hostId: HostId };
}

export type BusEventName = keyof BusEvents;

export interface ListenOptions {
  /** Who listens; stands in the log when the listener fails. */
  owner: string;
  /** Ends the listening. */
  signal?: AbortSignal;
}

export interface Bus {
  /** Tells every listener, in the order in which they came. A listener that throws or rejects is logged and disturbs nobody. */
  emit<N extends BusEventName>(name: N, payload: BusEvents[N]): void;
  /** Listens until the returned function is called or the signal aborts. */
  on<N extends BusEventName>(
    name: N,
    listener: (payload: BusEvents[N]) => void | Promise<void>,
    options: ListenOptions,
  ): () => void;
}

interface Listener {
  owner: string;
  call: (payload: never) => void | Promise<void>;
}

/** The bus of one process. */
export function createBus({ log }: { log: Logger }): Bus {
  const listeners = new Map<BusEventName, Set<Listener>>();

  const failed = (name: BusEventName, owner: string, error: unknown) =>
    log.error({ err: error, event: name, owner }, "A listener failed");

  return {
    emit(name, payload) {
      // A copy: a listener may add or remove listeners, which then holds from the next event on.
      for (const { owner, call } of [...(listeners.get(name) ?? [])]) {
        try {
          const done = call(payload as never);
          if (done instanceof Promise) done.catch((error: unknown) => failed(name, owner, error));
        } catch (error) {
          failed(name, owner, error);
        }
      }
    },

    on(name, listener, { owner, signal }) {
      if (signal?.aborted) return () => {};
      const entry: Listener = { owner, call: listener };
      const entries = listeners.get(name) ?? new Set();
      listeners.set(name, entries.add(entry));
      const stop = () => {
        entries.delete(entry);
        signal?.removeEventListener("abort", stop);
      };
      signal?.addEventListener("abort", stop, { once: true });
      return stop;
    },
  };
}
