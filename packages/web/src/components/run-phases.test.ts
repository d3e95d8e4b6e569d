import type { PhaseView, RunSummary } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { phaseSegments } from "./run-phases.ts";

const phase = (change: Partial<PhaseView>): PhaseView => ({
  phase: "build",
  state: "to-come",
  startedAt: null,
  endedAt: null,
  estimate: null,
  share: null,
  ...change,
});
const segment = (change: Partial<PhaseView>, now = 0, state: RunSummary["state"] = "running") =>
  phaseSegments({ phases: [phase(change)], state }, now)[0];
const note = (change: Partial<PhaseView>, now = 0) => segment(change, now)?.note.replaceAll("\u00a0", " ");

test("a finished phase has its time, one to come its estimate, one without history nothing", () => {
  expect(note({ state: "done", startedAt: 0, endedAt: 22_000 })).toBe("22 s");
  expect(note({ estimate: 9_000 })).toBe("~9 s");
  expect(note({})).toBe("");
});

test("the current phase has its share; without one it has its elapsed time, and nothing is filled", () => {
  expect(note({ state: "current", share: 0.61 })).toBe("61 %");
  expect(note({ state: "current", startedAt: 1_000 }, 6_000)).toBe("5 s");
  expect(segment({ state: "current" })?.share).toBeUndefined();
});

test("a failed phase and one that was not reached are marked with a word", () => {
  expect([note({ state: "failed" }), note({ state: "skipped" })]).toEqual(["failed", "skipped"]);
});

test("a phase in which the host refused the run is not called failed", () => {
  expect(segment({ state: "failed" }, 0, "refused")).toMatchObject({ state: "refused", note: "refused" });
  expect(segment({ state: "failed" }, 0, "failed")).toMatchObject({ state: "failed", note: "failed" });
});
