import type { HostRow, Topic, TopicKeyHead, TopicValue } from "@nixfleet/protocol";
import { type TopicState, topicValues } from "./topic-state.ts";

/** The values of some keys of a topic, in a list whose identity changes only with its content. */
export interface StableList<T> {
  /** The topic values that it was made from. */
  readonly values: ReadonlyMap<string, unknown>;
  readonly newest: readonly T[];
  readonly list: readonly T[];
}

/**
 * The values of the keys `<head>:<id>`.
 * @param same whether a newer value makes no difference to readers of the list, which then keeps the older one
 */
export function updateStableList<T extends Topic, Head extends TopicKeyHead<T>>(
  before: StableList<TopicValue<T, Head>> | null,
  state: TopicState<T>,
  head: Head,
  same: (older: TopicValue<T, Head>, newer: TopicValue<T, Head>) => boolean,
): StableList<TopicValue<T, Head>> {
  const { values } = state;
  if (before?.values === values) return before;
  const newest = topicValues(state, head);
  const list = newest.map((value, index) => {
    const older = before?.list[index];
    if (older === undefined) return value;
    return value === before?.newest[index] || same(older, value) ? older : value;
  });
  const unchanged =
    before !== null && before.list.length === list.length && list.every((value, index) => value === before.list[index]);
  return { values, newest, list: unchanged ? before.list : list };
}

/** The fields of a heartbeat. A thousand hosts send seventeen heartbeats a second, and a page shows few of those hosts. */
const MEASURED: ReadonlySet<string> = new Set(["load", "memory", "disk"] satisfies (keyof HostRow)[]);

/** Whether only the measurements of a host changed. Parts that did not change are the same objects (`stepTopic`). */
export function sameButMeasured(older: HostRow, newer: HostRow): boolean {
  return (Object.keys(newer) as (keyof HostRow)[]).every((key) => older[key] === newer[key] || MEASURED.has(key));
}
