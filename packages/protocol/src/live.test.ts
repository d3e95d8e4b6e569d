import { expect, test } from "vitest";
import {
  AuditEntry,
  HostRow,
  HostView,
  RunSummary,
  RunView,
  ServerInfo,
  SourceView,
  TOPICS,
  type Topic,
  TopicName,
  topicHead,
  topicValueSchema,
} from "./index.ts";

test("a topic is known by its name, and what has no such name is none", () => {
  const id = "01j00000000000000000000001";
  const names: Topic[] = ["fleet", `host:${id}`, `run:${id}`, "activity"];
  expect(names.map((name) => topicHead(TopicName.parse(name)))).toEqual(Object.keys(TOPICS));
  for (const name of ["", "host", "host:", "host:web1", `fleet:${id}`, `run:${id} `, "constructor", "__proto__"]) {
    expect(TopicName.safeParse(name).success, name).toBe(false);
  }
});

test("every key of a topic has its schema, by the part before its colon, and nothing else has one", () => {
  const known = [
    ["fleet", "host:01", HostRow],
    ["fleet", "run:01", RunSummary],
    ["fleet", "source:01", SourceView],
    ["fleet", "server", ServerInfo],
    ["host:01", "host", HostView],
    ["host:01", "run:02", RunSummary],
    ["run:01", "run", RunView],
    ["activity", "entry:7", AuditEntry],
  ] as const;
  for (const [topic, key, schema] of known) expect(topicValueSchema(topic, key)).toBe(schema);
  for (const [topic, key] of [
    ["fleet", "changes"],
    ["fleet", "target"],
    ["activity", "host:01"],
    ["nothing", "host"],
    ["constructor", "name"],
    ["fleet", "constructor"],
    ["fleet", ""],
  ]) {
    expect(topicValueSchema(topic as string, key as string)).toBeUndefined();
  }
});
