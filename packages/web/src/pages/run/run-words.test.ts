import type { PhaseView, RunSummary } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { headlineOf, titleParts } from "./run-words.ts";

const NBSP = "\u00a0";
const phase = (name: PhaseView["phase"], state: PhaseView["state"], share: number | null = null): PhaseView => ({
  phase: name,
  state,
  startedAt: null,
  endedAt: null,
  estimate: null,
  share,
});
const run = (change: Partial<RunSummary>): Parameters<typeof headlineOf>[0] => ({
  state: "running",
  word: "",
  phases: [phase("fetch", "done"), phase("build", "current", 0.61), phase("activate", "to-come")],
  createdAt: 0,
  startedAt: 1_000,
  endedAt: null,
  remaining: null,
  cancelling: false,
  ...change,
});

test("an active run has its phase, its share, its elapsed time and its time left", () => {
  expect(headlineOf(run({ remaining: 118_000 }), 193_000)).toEqual({
    lead: `Build, 61${NBSP}%`,
    time: `3${NBSP}min 12${NBSP}s so far`,
    left: `1${NBSP}min`,
  });
});

test("a phase of unknown length has no percentage, and a run without phases is still running", () => {
  expect(headlineOf(run({ phases: [phase("evaluate", "current")] }), 2_000).lead).toBe("Evaluate");
  expect(headlineOf(run({ phases: [] }), 2_000).lead).toBe("Running");
});

test("a run that is being cancelled has no time left", () => {
  expect(headlineOf(run({ cancelling: true, remaining: 5_000 }), 2_000)).toMatchObject({ lead: "Cancelling", left: null });
});

test("a queued and a starting run have their waiting time", () => {
  expect(headlineOf(run({ state: "queued", startedAt: null }), 480_000)).toMatchObject({
    lead: "Queued",
    time: `for 8${NBSP}min`,
  });
  expect(headlineOf(run({ state: "starting", startedAt: null }), 2_000)).toMatchObject({
    lead: "Starting",
    time: `2${NBSP}s so far`,
  });
});

test("an ended run has its outcome, phase and duration", () => {
  const failed = { state: "failed", word: "failed", endedAt: 243_000, phases: [phase("activate", "failed")] } as const;
  expect(headlineOf(run({ ...failed, phases: [...failed.phases] }), 9e9)).toEqual({
    lead: "Failed in Activate",
    time: `after 4${NBSP}min 02${NBSP}s`,
    left: null,
  });
  expect(headlineOf(run({ ...failed, state: "rolled-back", word: "rolled back", phases: [...failed.phases] }), 9e9).lead).toBe(
    "Rolled back",
  );
  expect(headlineOf(run({ state: "succeeded", word: "succeeded", endedAt: 3_000, phases: [] }), 9e9)).toMatchObject({
    lead: "Succeeded",
    time: `in 2${NBSP}s`,
  });
  expect(headlineOf(run({ state: "refused", word: "refused", startedAt: null, endedAt: 3_000, phases: [] }), 9e9).time).toBe("");
});

test("commits in a title are separate parts, words that only look like one are not", () => {
  expect(titleParts("Switch to 7f3a91c")).toEqual([
    { text: "Switch to ", code: false },
    { text: "7f3a91c", code: true },
  ]);
  expect(titleParts("Pull")).toEqual([{ text: "Pull", code: false }]);
  expect(titleParts("Switch (deface) to 7f3a91c, boot").filter((part) => part.code)).toEqual([{ text: "7f3a91c", code: true }]);
});
