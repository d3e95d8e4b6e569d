import type { Phase, PhaseView, TerminalState } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { openTestStore } from "../store/store.fixture.ts";
import { phaseViews, readEstimates, remaining } from "./estimates.ts";
import { newRow } from "./records.ts";
import { endedRun, HOST_ID, queuedRun, runningRun } from "./run.fixture.ts";

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

const view = (state: PhaseView["state"], more: Partial<PhaseView> = {}): PhaseView => ({
  phase: "build",
  state,
  estimate: null,
  share: null,
  startedAt: null,
  endedAt: null,
  ...more,
});

test("what remains is the rest of the current phase and the estimates of those to come", () => {
  const run = runningRun();
  const current = (more: Partial<PhaseView>) => view("current", { startedAt: 1000, ...more });
  expect(remaining(run, [view("done"), view("to-come", { estimate: 10 }), view("to-come", { estimate: 20 })], 0)).toBe(30);
  expect(remaining(run, [current({ estimate: 500 }), view("to-come", { estimate: 10 })], 1200)).toBe(310);
  // Longer than usual: no time is left over, and none is taken from those to come.
  expect(remaining(run, [current({ estimate: 500 }), view("to-come", { estimate: 10 })], 9000)).toBe(10);
  // Its own progress says more, once there is some.
  expect(remaining(run, [current({ estimate: 500, share: 0.25 })], 1300)).toBe(900);
  expect(remaining(run, [current({ estimate: 500, share: 0.1 })], 1100)).toBe(900);
  expect(remaining(run, [current({ estimate: 500, share: 0.09 })], 1100)).toBe(400);
  expect(remaining(run, [current({ share: 0.3 })], 1001)).toBe(2);
});

test("nobody knows what remains without an estimate, without a link, or before the run works", () => {
  const run = runningRun();
  const known = [view("to-come", { estimate: 10 })];
  expect(remaining(run, [...known, view("to-come")], 0)).toBeNull();
  expect(remaining(run, [view("current", { startedAt: 1 })], 2)).toBeNull();
  expect(remaining({ ...run, linkLost: true }, known, 0)).toBeNull();
  expect(remaining(queuedRun(), known, 0)).toBeNull();
  expect(remaining(endedRun("failed"), known, 0)).toBeNull();
  const awaitedProof = { hostTime: 1, endedAt: 2, until: 3, reason: null };
  expect(remaining({ ...run, stage: "proving", awaitedProof }, known, 0)).toBe(10);
});

test("of a run that works the last phase is current and has the share, those passed over are skipped, and the rest is to come", () => {
  const run = runningRun({
    phases: [
      { phase: "fetch", startedAt: 1, endedAt: 2 },
      { phase: "evaluate", startedAt: 2, endedAt: null },
    ],
  });
  const views = phaseViews(run, 0.5, { total: null, phases: { build: 7 } });
  expect(views.map(({ phase, state, share, estimate }) => [phase, state, share, estimate])).toEqual([
    ["fetch", "done", null, null],
    ["verify", "skipped", null, null],
    ["evaluate", "current", 0.5, null],
    ["build", "to-come", null, 7],
    ["diff", "to-come", null, null],
    ["activate", "to-come", null, null],
    ["confirm", "to-come", null, null],
  ]);
  expect(views[0]).toMatchObject({ startedAt: 1, endedAt: 2 });
  expect(phaseViews(queuedRun(), null, { total: null, phases: {} }).every(({ state }) => state === "to-come")).toBe(true);
});

test("a phase that the op does not declare comes after those that it does", () => {
  const run = runningRun({ phases: [{ phase: "undo", startedAt: 1, endedAt: null }] });
  const views = phaseViews(run, null, { total: null, phases: {} });
  expect(views.at(-1)).toMatchObject({ phase: "undo", state: "current" });
  expect(views.slice(0, -1).every(({ state }) => state === "skipped")).toBe(true);
});

test("an estimate is the median of the last ten runs of the op that succeeded on the host, in all and of each phase", async () => {
  const { store } = await openTestStore();
  await using _ = store;
  let number = 0;
  const add = (
    took: number,
    phases: [Phase, number | null][],
    more: Partial<Parameters<typeof endedRun>[1]> = {},
    state: TerminalState = "succeeded",
  ) =>
    store.change(async ({ db }) => {
      number += 1;
      const run = endedRun(state, {
        id: `01j000000000000000000000${String(number).padStart(2, "0")}` as never,
        startedAt: 100,
        endedAt: 100 + took,
        phases: phases.map(([phase, lasted]) => ({ phase, startedAt: 5, endedAt: lasted === null ? null : 5 + lasted })),
        ...more,
      });
      await db
        .insertInto("runs")
        .values(newRow(run, { number, subject: null }))
        .execute();
    });
  const read = () => readEstimates(store.db, HOST_ID, "switch");
  expect(await read()).toEqual({ total: null, phases: {} });

  // Too old to count, once ten others have followed.
  await add(1_000_000, [["build", 1_000_000]]);
  expect(await read()).toEqual({ total: 1_000_000, phases: { build: 1_000_000 } });
  for (const took of [50, 10, 40, 20, 30])
    await add(took, [
      ["fetch", took / 10],
      ["build", took / 2],
    ]);
  for (const took of [70, 100, 60, 90]) await add(took, [["build", took / 2]]);
  await add(80, [["build", null]]);
  // None of these is of the op, of the host, or has succeeded.
  await add(1, [["build", 1]], { request: { op: "pull", args: {} } });
  await add(1, [["build", 1]], { hostId: "01j0000000000000000000000z" as never });
  await add(1, [["build", 1]], {}, "failed");
  expect(await read()).toEqual({ total: 50, phases: { fetch: 3, build: 25 } });
});

test("a run that succeeded without having been seen to start says nothing of how long it takes", async () => {
  const { store } = await openTestStore();
  await using _ = store;
  await store.change(async ({ db }) => {
    await db
      .insertInto("runs")
      .values(newRow(endedRun("succeeded", { startedAt: null }), { number: 1, subject: null }))
      .execute();
  });
  expect(await readEstimates(store.db, HOST_ID, "switch")).toEqual({ total: null, phases: {} });
});
