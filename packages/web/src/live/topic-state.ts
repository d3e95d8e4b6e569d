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

/** Applies a snapshot or a delta (protocol, live.ts). Values that did not change keep their identity, so nothing is drawn anew for them. */
export function stepTopic(state: TopicState | undefined, message: Snapshot | Delta): TopicStep {
  if (message.type === "snapshot") {
    const values = new Map(Object.entries(message.values));
    const changed = new Set([...values.keys(), ...(state?.values.keys() ?? [])]);
    return { kind: "next", state: { version: message.version, values }, changed: [...changed] };
  }
  if (state === undefined || message.version !== state.version + 1) return { kind: "gap" };
  const values = new Map(state.values);
  for (const [key, value] of Object.entries(message.set)) values.set(key, value);
  for (const key of message.unset) values.delete(key);
  return { kind: "next", state: { version: message.version, values }, changed: [...Object.keys(message.set), ...message.unset] };
}
