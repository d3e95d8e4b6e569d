import type { ToBrowser } from "@nixfleet/protocol";

/** What the browser holds of a topic: a copy of the server's map at one version. */
export interface TopicState {
  readonly version: number;
  readonly values: ReadonlyMap<string, unknown>;
}

export type TopicStep =
  | { kind: "next"; state: TopicState; changed: readonly string[] }
  /** The delta is for another version: only a new snapshot helps. */
  | { kind: "gap" };

type Snapshot = Extract<ToBrowser, { type: "snapshot" }>;
type Delta = Extract<ToBrowser, { type: "delta" }>;

/**
 * Applies a snapshot or a delta (protocol, live.ts). Values that did not change, and parts of those that did, keep their identity, so
 * nothing is drawn anew for them.
 */
export function stepTopic(state: TopicState | undefined, message: Snapshot | Delta): TopicStep {
  if (message.type === "snapshot") {
    const values = new Map<string, unknown>();
    for (const [key, value] of Object.entries(message.values)) values.set(key, keepEqual(state?.values.get(key), value));
    const changed = new Set([...values.keys(), ...(state?.values.keys() ?? [])]);
    return { kind: "next", state: { version: message.version, values }, changed: [...changed] };
  }
  if (state === undefined || message.version !== state.version + 1) return { kind: "gap" };
  const values = new Map(state.values);
  for (const [key, value] of Object.entries(message.set)) values.set(key, keepEqual(state.values.get(key), value));
  for (const key of message.unset) values.delete(key);
  return { kind: "next", state: { version: message.version, values }, changed: [...Object.keys(message.set), ...message.unset] };
}

/** What JSON said anew, with everything from before that says the same in the place of its copy. */
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
