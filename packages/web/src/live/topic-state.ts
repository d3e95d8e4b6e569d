import type { ToBrowser, Topic, TopicKey, TopicKeyHead, TopicValue } from "@nixfleet/protocol";

/** The browser's copy of a topic: the server's map at one version. */
export interface TopicState<T extends Topic = Topic> {
  readonly topic: T;
  readonly version: number;
  /** By key; `topicValue` and `topicValues` know their types. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** The value of a topic under a key. It is not validated here: tests check what the dashboard sends against the schemas. */
export function topicValue<T extends Topic, Key extends TopicKey<T>>(
  { values }: TopicState<T>,
  key: Key,
): TopicValue<T, Key> | undefined {
  return values.get(key) as TopicValue<T, Key> | undefined;
}

/** The values of a topic under the keys `<head>:<id>`, in no particular order. */
export function topicValues<T extends Topic, Head extends TopicKeyHead<T>>(
  { values }: TopicState<T>,
  head: Head,
): TopicValue<T, Head>[] {
  const found: TopicValue<T, Head>[] = [];
  for (const [key, value] of values) if (key.startsWith(`${head}:`)) found.push(value as TopicValue<T, Head>);
  return found;
}

export type TopicStep<T extends Topic = Topic> =
  | { kind: "next"; state: TopicState<T> }
  /** The delta is for another version: only a new snapshot helps. */
  | { kind: "gap" };

export type TopicMessage = Snapshot | Delta;
type Snapshot = Extract<ToBrowser, { type: "snapshot" }>;
type Delta = Extract<ToBrowser, { type: "delta" }>;

/**
 * Applies a snapshot or a delta (protocol, live.ts). Values that did not change, and parts of those that did, keep their identity, so
 * nothing renders again for them.
 */
export function stepTopic<T extends Topic>(topic: T, state: TopicState<T> | undefined, message: TopicMessage): TopicStep<T> {
  if (message.type === "snapshot") {
    const values = new Map<string, unknown>();
    for (const [key, value] of Object.entries(message.values)) values.set(key, keepEqual(state?.values.get(key), value));
    return { kind: "next", state: { topic, version: message.version, values } };
  }
  if (state === undefined || message.version !== state.version + 1) return { kind: "gap" };
  const values = new Map(state.values);
  for (const [key, value] of Object.entries(message.set)) values.set(key, keepEqual(state.values.get(key), value));
  for (const key of message.unset) values.delete(key);
  return { kind: "next", state: { topic, version: message.version, values } };
}

/** The new JSON value, with each part that equals the old one replaced by the old object. */
function keepEqual(before: unknown, after: unknown): unknown {
  if (before === after || !isHolder(before) || !isHolder(after)) return after;
  if (Array.isArray(before) !== Array.isArray(after)) return after;
  const keys = Object.keys(after);
  let same = keys.length === Object.keys(before).length;
  for (const key of keys) {
    after[key] = keepEqual(before[key], after[key]);
    same &&= after[key] === before[key] && Object.hasOwn(before, key);
  }
  return same ? before : after;
}

/** An object or an array. */
function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
