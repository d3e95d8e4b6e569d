import type { RunState } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { firstErrorLineOf } from "./first-error-line.ts";

const log = { first_error_line: 7, lines: 100 };
const run = (state: RunState, firstErrorLine?: number) => ({
  state,
  outcome: firstErrorLine === undefined ? undefined : { firstErrorLine },
});

test("R71: the line that the host names is looked at first, and without one the first that is marked", () => {
  for (const state of ["failed", "rolled-back", "timed-out"] as const) {
    expect(firstErrorLineOf(run(state, 42), log)).toBe(42);
    expect(firstErrorLineOf(run(state), log)).toBe(7);
  }
  expect(firstErrorLineOf(run("lost"), log)).toBe(7);
  expect(firstErrorLineOf(run("failed"), { ...log, first_error_line: null })).toBeNull();
});

test("R71: a line that the dashboard no longer has is not named", () => {
  expect(firstErrorLineOf(run("failed", 101), log)).toBe(7);
});

test("R71: a run that succeeded has no error line, whatever its programs printed", () => {
  for (const state of ["succeeded", "cancelled", "refused", "running"] as const) {
    expect(firstErrorLineOf(run(state, 42), log)).toBeNull();
  }
});
