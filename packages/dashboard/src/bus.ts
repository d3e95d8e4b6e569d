import type { HostId, RunId, SourceId } from "@nixfleet/protocol";
import type { Logger } from "./logger.ts";

/** What a stored change causes. Published by `store.change()` after the commit and by nothing else (R73). */
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
  /** The host's token was replaced or revoked: what it let in must go. */
  "token.ended": { hostId: HostId };
}

/** What only matters live: nothing of it is stored. */
export interface LiveEvents {
  /** A host's link came or went, or somebody who claims to be the host was refused. */
  "presence.changed": { hostId: HostId };
  /** A new measurement; it is in the presence only. */
  "host.metrics": { hostId: HostId };
  /** What is known of a source's target, or whether it can be read. */
  "source.changed": { sourceId: SourceId };
  /** The database can be written no more, or again. */
  "storage.changed": Record<string, never>;
}

export interface BusEvents extends StoredEvents, LiveEvents {}
export type BusEventName = keyof BusEvents;
export type StoredEventName = keyof StoredEvents;
export type LiveEventName = keyof LiveEvents;

export interface ListenOptions {
  /** Who listens; stands in the log when the listener fails. */
  owner: string;
  /** Ends the listening. */
  signal?: AbortSignal;
}

export interface Bus {
  /** Publishes a live event to every listener, in the order in which they came. A listener that throws or rejects is logged and disturbs nobody. */
  emit<N extends LiveEventName>(name: N, payload: LiveEvents[N]): void;
  /** Listens until the returned function is called or the signal aborts. */
  on<N extends BusEventName>(
    name: N,
    listener: (payload: BusEvents[N]) => void | Promise<void>,
    options: ListenOptions,
  ): () => void;
}

/** Publishes what a stored change causes. Handed to the store alone. */
export type PublishStored = <N extends StoredEventName>(name: N, payload: StoredEvents[N]) => void;

interface Listener {
  owner: string;
  call: (payload: never) => void | Promise<void>;
}

/** The bus of one process, and the way to publish what changes cause. */
export function createBus({ log }: { log: Logger }): { bus: Bus; publish: PublishStored } {
  const listeners = new Map<BusEventName, Set<Listener>>();

  const failed = (name: BusEventName, owner: string, error: unknown) =>
    log.error({ err: error, event: name, owner }, "A listener failed");

  function publish(name: BusEventName, payload: BusEvents[BusEventName]): void {
    // A copy: a listener may add or remove listeners, which then holds from the next event on.
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
