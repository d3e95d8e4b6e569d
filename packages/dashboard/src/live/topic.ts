import type { ToBrowser, TopicKey, Topic as TopicName, TopicValue } from "@nixfleet/protocol";
import { type Clock, every } from "@nixfleet/runtime";
import type { Urgency } from "../fleet/index.ts";
import type { Logger } from "../logger.ts";

/** Minimum milliseconds between deltas of a topic, on average. */
export const DELTA_INTERVAL = 100;
/** Number of deltas that may follow sooner after an idle time. */
export const DELTA_BURST = 10;
/** Milliseconds to wait for related changes: the state of a run is stored before the host's row that shows it is read. */
const GATHER_DELAY = 20;
/** Changes that can wait are read with the next urgent one, or this many milliseconds after the last reading. */
export const LATER_INTERVAL = 1000;
/** Milliseconds until a failed reading is retried. No shorter than `LATER_INTERVAL`, so a retry reads urgent and other changes alike. */
export const RETRY_INTERVAL = 1000;

/** Values of a topic by key, each of the type that the protocol declares under its key; undefined: the key goes. */
export interface TopicValues<T extends TopicName> extends ReadonlyMap<string, unknown> {
  set<Key extends TopicKey<T>>(key: Key, value: TopicValue<T, Key> | undefined): this;
}

/** Where a topic's values come from. A value that is the same object as before has not changed. */
export interface TopicSource {
  /** Every key with its value; null: there is no such host or run. */
  all(): Promise<ReadonlyMap<string, unknown> | null>;
  /** The values of keys that may have changed; undefined: the key goes. Null: the host or run has gone. */
  some(keys: ReadonlySet<string>): Promise<ReadonlyMap<string, unknown> | null>;
  /** Milliseconds between deltas, if longer than for other topics. */
  readonly interval?: number;
  /** Reports keys that may have changed, until the returned function is called. */
  listen(touch: (key: string, urgency: Urgency) => void): () => void;
}

/** A follower of a topic. Each callback gets the text of a message, which is serialized once for all. */
export interface TopicMember {
  sendDelta(text: string): void;
  sendGone(text: string): void;
}

/** The state of one topic, shared by all who follow it. */
export interface Topic {
  /** Resolves once the state was read. */
  readonly ready: Promise<void>;
  /** The whole state as a message; or that there is no such host or run. Null: it was not read yet, `ready` tells when it is. */
  snapshot(): string | null;
  readonly isGone: boolean;
  /** The member gets each delta after the current snapshot. */
  join(member: TopicMember): void;
  leave(member: TopicMember): void;
  readonly members: number;
  close(): void;
}

export interface TopicDeps {
  name: TopicName;
  source: TopicSource;
  clock: Clock;
  log: Logger;
}

export function createTopic({ name, source, clock, log }: TopicDeps): Topic {
  const { interval = DELTA_INTERVAL } = source;
  /** Each value is serialized once for all members. */
  const values = new Map<string, { value: unknown; json: string }>();
  const members = new Set<TopicMember>();
  const touchedKeys = new Set<string>();
  let version = 0;
  let gone = false;
  let loaded = false;
  /** When the first urgent change since the last reading came. */
  let urgentSince: number | null = null;
  /** After a failed reading: no new one before this time. */
  let retryAt = Number.NEGATIVE_INFINITY;
  let lastReading = Number.NEGATIVE_INFINITY;
  /** Theoretical arrival time of the generic cell rate algorithm. */
  let theoreticalArrival = Number.NEGATIVE_INFINITY;
  let snapshotText: string | null = null;
  const ready = Promise.withResolvers<void>();

  const message = (body: Extract<ToBrowser, { type: "gone" }>) => JSON.stringify(body);
  const goneText = message({ type: "gone", topic: name });

  const readings = every((signal) => (loaded ? readTouched(signal) : load()), {
    interval: untilNextReading,
    immediately: true,
    clock,
    onError: (error) => log.error({ err: error, topic: name }, "A topic could not be read"),
  });
  const stopListening = source.listen((key, urgency) => {
    const isFirst = touchedKeys.size === 0;
    const isFirstUrgent = urgency === "soon" && urgentSince === null;
    touchedKeys.add(key);
    if (isFirstUrgent) urgentSince = clock.now();
    if (isFirst || isFirstUrgent) readings.reschedule();
  });

  /** Milliseconds until the next reading. It is computed from absolute times, so that further changes do not postpone it. */
  function untilNextReading(): number {
    if (gone || (loaded && touchedKeys.size === 0)) return Number.POSITIVE_INFINITY;
    const now = clock.now();
    // If the clock was set back, nothing waits until it has caught up.
    retryAt = Math.min(retryAt, now + RETRY_INTERVAL);
    lastReading = Math.min(lastReading, now);
    theoreticalArrival = Math.min(theoreticalArrival, now + DELTA_BURST * interval);
    if (urgentSince !== null) urgentSince = Math.min(urgentSince, now);
    const earliest = urgentSince === null ? lastReading + LATER_INTERVAL : urgentSince + GATHER_DELAY;
    return Math.max(earliest, retryAt, theoreticalArrival - (DELTA_BURST - 1) * interval) - now;
  }

  async function load(): Promise<void> {
    // Keys that are touched from here on are read again with the first delta.
    touchedKeys.clear();
    urgentSince = null;
    try {
      const all = await source.all();
      if (all === null) end();
      else for (const [key, value] of all) values.set(key, { value, json: JSON.stringify(value) });
    } catch (error) {
      retryAt = clock.now() + RETRY_INTERVAL;
      throw error;
    }
    version = 1;
    loaded = true;
    ready.resolve();
  }

  async function readTouched(signal: AbortSignal): Promise<void> {
    const keys = new Set(touchedKeys);
    touchedKeys.clear();
    urgentSince = null;
    lastReading = clock.now();
    try {
      const some = await source.some(keys);
      if (signal.aborted) return;
      if (some === null) end();
      else apply(some);
    } catch (error) {
      for (const key of keys) touchedKeys.add(key);
      retryAt = clock.now() + RETRY_INTERVAL;
      throw error;
    }
  }

  function apply(some: ReadonlyMap<string, unknown>): void {
    const set: string[] = [];
    const unset: string[] = [];
    for (const [key, value] of some) {
      const before = values.get(key);
      if (value === undefined) {
        if (values.delete(key)) unset.push(key);
      } else if (before === undefined || before.value !== value) {
        const json = JSON.stringify(value);
        values.set(key, { value, json });
        if (json !== before?.json) set.push(`${JSON.stringify(key)}:${json}`);
      }
    }
    if (set.length === 0 && unset.length === 0) return;
    version += 1;
    snapshotText = null;
    theoreticalArrival = Math.max(clock.now(), theoreticalArrival) + interval;
    if (members.size === 0) return;
    const text = `{"type":"delta","topic":${JSON.stringify(name)},"version":${version},"set":{${set.join(",")}},"unset":${JSON.stringify(unset)}}`;
    for (const member of [...members]) member.sendDelta(text);
  }

  function end(): void {
    gone = true;
    values.clear();
    for (const member of [...members]) member.sendGone(goneText);
  }

  return {
    ready: ready.promise,
    snapshot() {
      if (gone) return goneText;
      if (!loaded) return null;
      snapshotText ??= `{"type":"snapshot","topic":${JSON.stringify(name)},"version":${version},"values":{${[...values]
        .map(([key, { json }]) => `${JSON.stringify(key)}:${json}`)
        .join(",")}}}`;
      return snapshotText;
    },
    get isGone() {
      return gone;
    },
    join: (member) => void members.add(member),
    leave: (member) => void members.delete(member),
    get members() {
      return members.size;
    },
    close() {
      stopListening();
      void readings[Symbol.asyncDispose]();
    },
  };
}
