import type { SourceId, SourceView } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { targetOf } from "./target-of.ts";
import type { TopicState } from "./topic-state.ts";

const fleet = (values: Record<string, unknown>): TopicState<"fleet"> => ({
  topic: "fleet",
  version: 1,
  values: new Map(Object.entries(values)),
});

test("the target is that of the declared source, and without one the pages say that none is declared", () => {
  const source: SourceView = {
    state: "never-read",
    sourceId: "0123456789abcdef" as SourceId,
    repoUrl: "https://git.example.org/me/cfg",
    branch: "main",
    problem: null,
    next: null,
  };
  expect(targetOf(fleet({ "host:a": {}, server: {}, "source:0123456789abcdef": source }))).toBe(source);
  const none = targetOf(fleet({ "host:a": {}, server: {} }));
  expect(none).toEqual({ state: "not-configured" });
  // The same object, or everything that shows it would render for ever.
  expect(targetOf(fleet({}))).toBe(none);
});
