import type { HostId, RunId, SourceId } from "@nixfleet/protocol";
import type { Logger } from "./logger.ts";

/** Events of stored changes. Published only by `store.change()`, after the commit (R73). */
export interface StoredEvents {
  /** The record, facts or token of a host changed. */
  "host.changed": { hostId: HostId };
  "host.removed": { hostId: HostId };
  /** A run is new, or its state, phase, progress or outcome changed. `hostId` null: the dashboard's own run. */
  "run.changed": { runId: RunId; hostId: HostId | null };
  /** The log of a run grew; `lastLine` is the number of its last line. */
  "run.logged": { runId: RunId; lastLine: number };
  "audit.added": { seq: number };
  "session.ended": { sessionId: string };
  /** The host's token was replaced or revoked: links that it opened must end. */
  "token.ended": { hostId: HostId };
}

/** Live events, of which nothing is stored. */
export interface LiveEvents {
  /** A host connected or disconnected, or an agent that claims to be the host was refused. */
  "presence.changed": { hostId: HostId };
  /** A new measurement, available in the presence only. */
  "host.metrics": { hostId: HostId };
  /** A source's target changed, or whether it can be fetched. */
  "source.changed": { sourceId: SourceId };
  /** The database is no longer writable, or writable again. */
  "storage.changed": Record<string, never>;
}

export interface BusEvents extends StoredEvents, LiveEvents {}
export type BusEventName = keyof BusEvents;
export type StoredEventName = keyof StoredEvents;
export type LiveEventName = keyof LiveEvents;

export interface ListenOptions {
  /** Name of the listener, logged when it fails. */
  owner: string;
  /** Ends the listening. */
  signal?: AbortSignal;
}

export interface Bus {
  /** Publishes a live event to every listener, in the order of registration. A listener that throws or rejects is logged and does not affect the others. */
  emit<N extends LiveEventName>(name: N, payload: LiveEvents[N]): void;
  /** Listens until the returned function is called or the signal aborts. */
  on<N extends BusEventName>(
    name: N,
    listener: (payload: BusEvents[N]) => void | Promise<void>,
    options: ListenOptions,
  ): () => void;
}

/** Publishes events of stored changes. Only the store has it. */
export type PublishStored = <N extends StoredEventName>(name: N, payload: StoredEvents[N]) => void;

interface Listener {
  owner: string;
  call: (payload: never) => void | Promise<void>;
}

/** The bus of one process, and the function that publishes events of stored changes. */
export function createBus({ log }: { log: Logger }): { bus: Bus; publish: PublishStored } {
  const listeners = new Map<BusEventName, Set<Listener>>();

  const failed = (name: BusEventName, owner: string, error: unknown) =>
    log.error({ err: error, event: name, owner }, "A listener failed");

  function publish(name: BusEventName, payload: BusEvents[BusEventName]): void {
    // A copy, since a listener may add or remove listeners, which takes effect with the next event.
    for (const { owner, call } of [...(listeners.get(name) ?? [])]) {
      try {
        const done = call(payload as never);
        if (done instanceof Promise) done.catch((error: unknown) => failed(name, owner, error));
      } catch (error) {
        failed(name, owner, error);
      }
    }
  }

  const bus: Bus = {
    emit: publish,

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
  return { bus, publish };
}
