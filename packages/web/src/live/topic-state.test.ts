import type { AuditEntry, HostRow, RunView, SourceView } from "@nixfleet/protocol";
import { expect, expectTypeOf, test } from "vitest";
import { hostRow } from "../dev/host-rows.ts";
import { stepTopic, type TopicState, topicValue, topicValues } from "./topic-state.ts";

const at = (version: number, values: Record<string, unknown>): TopicState<"fleet"> => ({
  topic: "fleet",
  version,
  values: new Map(Object.entries(values)),
});
const delta = (version: number, set: Record<string, unknown>, unset: string[] = []) =>
  ({ type: "delta", topic: "fleet", version, set, unset }) as const;

test("T3: R25: a delta sets and unsets keys and does not change the others", () => {
  const kept = { name: "web1" };
  const step = stepTopic(
    "fleet",
    at(4, { "host:a": kept, "host:b": 1, target: "old" }),
    delta(5, { target: "new", "host:c": 2 }, ["host:b"]),
  );
  expect(step).toEqual({
    kind: "next",
    state: at(5, { "host:a": kept, target: "new", "host:c": 2 }),
  });
  expect(step.kind === "next" && step.state.values.get("host:a")).toBe(kept);
});

test("T5: R39: a delta that does not follow is a gap, as is one before any snapshot", () => {
  expect(stepTopic("fleet", at(4, {}), delta(6, {}))).toEqual({ kind: "gap" });
  expect(stepTopic("fleet", at(4, {}), delta(4, {}))).toEqual({ kind: "gap" });
  expect(stepTopic("fleet", undefined, delta(1, {}))).toEqual({ kind: "gap" });
});

test("T2: a snapshot replaces all", () => {
  const step = stepTopic("fleet", at(9, { "host:a": 1 }), {
    type: "snapshot",
    topic: "fleet",
    version: 2,
    values: { "host:b": 2 },
  });
  expect(step).toEqual({ kind: "next", state: at(2, { "host:b": 2 }) });
});

test("equal values in a delta keep their identity, and only different ones are new", () => {
  const row = { name: "csb1", tags: ["web"], runs: { commit: "4be20", since: 1 }, load: 0.5 };
  const step = stepTopic(
    "fleet",
    at(1, { "host:a": row, "host:b": row }),
    delta(2, { "host:a": structuredClone(row), "host:b": { ...structuredClone(row), load: 0.7 } }),
  );
  const values = step.kind === "next" ? step.state.values : new Map<string, unknown>();
  expect(values.get("host:a")).toBe(row);
  const b = values.get("host:b") as typeof row;
  expect(b).toEqual({ ...row, load: 0.7 });
  expect(b.tags).toBe(row.tags);
  expect(b.runs).toBe(row.runs);
});

test.each([
  ["a key that went", { a: 1, b: 2 }, { a: 1 }],
  ["a key that came", { a: 1 }, { a: 1, b: 2 }],
  ["another key of the same value", { a: null }, { b: null }],
  ["a shorter list", { list: [1, 2] }, { list: [1] }],
  ["a list in the place of an object", { list: {} }, { list: [] }],
  ["nothing in the place of something", { run: {} }, { run: null }],
])("a snapshot after a gap tells %s", (_, before, after) => {
  const step = stepTopic("fleet", at(1, { key: before }), {
    type: "snapshot",
    topic: "fleet",
    version: 2,
    values: { key: after },
  });
  expect(step.kind === "next" && step.state.values.get("key")).toEqual(after);
});

test("a value has the type of its topic and key, and a list only the values of its keys", () => {
  const row = hostRow();
  const state = at(1, { "host:a": row, "hosts:b": 1, host: 2, target: 3 });
  const host = topicValue(state, "host:a");
  expect(host).toBe(row);
  expectTypeOf(host).toEqualTypeOf<HostRow | undefined>();
  expectTypeOf(topicValue(state, "source:a")).toEqualTypeOf<SourceView | undefined>();
  const hosts = topicValues(state, "host");
  expect(hosts).toEqual([row]);
  expectTypeOf(hosts).toEqualTypeOf<HostRow[]>();
  const run: TopicState<`run:${string}`> = { topic: "run:a", version: 1, values: new Map() };
  expectTypeOf(topicValue(run, "run")).toEqualTypeOf<RunView | undefined>();
  expectTypeOf(topicValues<"activity", "entry">).returns.toEqualTypeOf<AuditEntry[]>();
  // @ts-expect-error -- no topic of a run has a source
  expect(topicValue(run, "source:a")).toBeUndefined();
});
