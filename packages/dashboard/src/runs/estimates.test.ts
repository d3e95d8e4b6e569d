import type { Phase, TerminalState } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { phaseViews } from "./estimates.ts";
import { endedRun } from "./run.fixture.ts";

/** The phases of a switch that ended so, with those that it went through. */
function phasesOf(state: TerminalState, ...ran: Phase[]): string[] {
  const run = endedRun(state, {
    phases: ran.map((phase, place) => ({ phase, startedAt: place, endedAt: place + 1 })),
  });
  return phaseViews(run, null, { total: null, phases: {} })
    .filter((view) => view.state !== "skipped")
    .map((view) => `${view.phase} ${view.state}`);
}

test("R37: an undo that brought back what ran before did not fail: what it had to undo did", () => {
  expect(phasesOf("rolled-back", "activate", "confirm", "undo")).toEqual(["activate done", "confirm failed", "undo done"]);
  // Undone by the timer: the run itself told of no undo.
  expect(phasesOf("rolled-back", "activate", "confirm")).toEqual(["activate done", "confirm failed"]);
  expect(phasesOf("failed", "activate", "confirm", "undo")).toEqual(["activate done", "confirm done", "undo failed"]);
});

test("the last phase is where a run went wrong, and nowhere where it succeeded", () => {
  expect(phasesOf("failed", "fetch", "build")).toEqual(["fetch done", "build failed"]);
  expect(phasesOf("succeeded", "fetch", "build")).toEqual(["fetch done", "build done"]);
});
