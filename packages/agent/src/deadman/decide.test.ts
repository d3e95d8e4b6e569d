import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { UndoRecord } from "../spool/shapes.ts";
import {
  bootUndoes,
  continueAfterKill,
  extendsWindow,
  type InterruptedRun,
  type Moment,
  millisecondsLeft,
  undoOutcome,
  undoSteps,
  windowLeft,
} from "./decide.ts";

const back = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system-gate-25.11";
const undone: UndoRecord = {
  why: "timer",
  cause: null,
  back,
  startedAt: 1,
  endedAt: 2,
  child: null,
  exitCodes: [0, 0],
  running: back,
  left: null,
};

const minutes = 60_000;
/** Armed at 1,000,000 of the wall clock for two minutes; the monotonic clock of its boot stood at 50,000. */
const armed = {
  armedIn: "this",
  until: 1_000_000 + 2 * minutes,
  dueAt: 50_000 + 2 * minutes,
  window: 2 * minutes,
  windows: 1,
};
const at = (change: Partial<Moment> = {}): Moment => ({ bootId: "this", now: 1_000_000, monotonic: 50_000, ...change });

test("R6: a boot undoes what another boot has armed, and in its own boot only what nobody works on and whose time is over", () => {
  const undoes = (change: Partial<Moment>, runnerLives = false) => bootUndoes(armed, { ...at(change), runnerLives });
  expect(undoes({ bootId: "another" })).toBe(true);
  expect(undoes({ bootId: "another", now: 0 }, true)).toBe(true);
  expect(undoes({ monotonic: armed.dueAt - 1 })).toBe(false);
  expect(undoes({ monotonic: armed.dueAt })).toBe(true);
  expect(undoes({ monotonic: armed.dueAt + 1 }, true)).toBe(false);
});

test("R70: in the boot that armed it, a wall clock that jumps makes a window neither shorter nor longer", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 10 * minutes }), (now, passed) => {
      const moment = at({ now, monotonic: 50_000 + passed });
      expect(millisecondsLeft(armed, moment)).toBe(Math.max(0, 2 * minutes - passed));
      expect(bootUndoes(armed, { ...moment, runnerLives: false })).toBe(passed >= 2 * minutes);
    }),
  );
  // What was armed in another boot, or by an agent that knew no other clock, is due as the wall clock says.
  expect(millisecondsLeft(armed, at({ bootId: "another", now: armed.until - 5 }))).toBe(5);
  expect(millisecondsLeft({ ...armed, dueAt: null }, at({ now: armed.until - 7, monotonic: 0 }))).toBe(7);
});

test("R37: what is left of a confirm window is never more than the whole of it and never less than nothing, wherever the clocks stand", () => {
  expect(windowLeft(armed, at({ monotonic: 50_000 + 30_000 }))).toBe(90_000);
  expect(windowLeft(armed, at({ monotonic: armed.dueAt }))).toBe(0);
  // An extended one is as long as its windows together.
  expect(windowLeft({ ...armed, windows: 3 }, at({ monotonic: armed.dueAt - 20 * minutes }))).toBe(6 * minutes);
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.boolean(), fc.integer({ min: 1, max: 5 }), (now, monotonic, isOld, windows) => {
      const left = windowLeft({ ...armed, windows, dueAt: isOld ? null : armed.dueAt }, at({ now, monotonic }));
      expect(left).toBeGreaterThanOrEqual(0);
      expect(left).toBeLessThanOrEqual(windows * 2 * minutes);
    }),
  );
});

const steps = (["profile", "activation", "boot-entry"] as const).map((kind) => ({
  kind,
  launcher: [],
  argv: [kind] as [string],
  env: {},
  unit: null,
}));

test.for([
  ["in the window", { stage: "activation" }, {}, ["activation"]],
  ["in the last steps", { stage: "permanent" }, {}, ["profile", "activation", "boot-entry"]],
  ["after a boot into what ran", { stage: "activation" }, { bootId: "next" }, []],
  [
    "after a boot into what ran, profile and boot entry in between",
    { stage: "permanent" },
    { bootId: "next" },
    ["profile", "boot-entry"],
  ],
  [
    "after a boot into the new one",
    { stage: "permanent" },
    { bootId: "next", running: "/new" },
    ["profile", "activation", "boot-entry"],
  ],
  ["after a boot into something else", { stage: "activation" }, { bootId: "next", running: undefined }, ["activation"]],
  ["after a boot that activates nothing", { stage: "activation" }, { bootId: "next", bootActivates: false }, ["activation"]],
] as const)("R82: %s, an undo does what the deployment and the boot leave to do, and no more", ([, of, seen, kinds]) => {
  const host = { bootId: "this", running: back as string | undefined, bootActivates: true, ...seen };
  expect(undoSteps({ undo: steps, armedIn: "this", back, ...of }, host).map(({ kind }) => kind)).toEqual(kinds);
});

test.for([
  ["the dashboard refuses connections", { last: "dashboard-away" }, true],
  ["that is so for the fifth window", { last: "dashboard-away", windows: 5 }, false],
  ["the host has no link yet", { last: "not-linked" }, true],
  ["a new agent has no link, and the dashboard was there all the time", { last: "not-linked", isAgentOnTrial: true }, false],
  ["a new agent has no link, and the dashboard was away", { last: "not-linked", isAgentOnTrial: true, wasAway: true }, true],
  ["nothing proves the path", { last: "none", wasAway: true }, false],
] as const)("R68: a window that ends while %s", ([, change, extended]) => {
  expect(extendsWindow({ wasAway: false, isAgentOnTrial: false, windows: 1, ...change })).toBe(extended);
});

const left: InterruptedRun = {
  wasArmed: true,
  isArmed: true,
  undo: "none",
  sameBoot: true,
  activation: "succeeded",
  isActive: true,
};

test.for([
  ["the activation ended well: it is to be confirmed", {}, "confirm"],
  ["it says that it ended well, and something else runs", { isActive: false }, "undo"],
  ["the activation failed", { activation: "failed" }, "undo"],
  ["the activation was killed", { activation: "unknown" }, "undo"],
  ["nothing was begun", { activation: "not-begun" }, "disarm"],
  ["nothing was begun, and the host went down", { activation: "not-begun", sameBoot: false }, "undo"],
  ["all went well, and the host went down", { sameBoot: false }, "undo"],
  ["an undo was begun and killed", { undo: "begun" }, "undo"],
  ["an undo has ended and was killed before it disarmed", { undo: "ended" }, "undo"],
  ["the timer has undone it", { isArmed: false, undo: "ended", isActive: false }, "undone"],
  ["it was confirmed and not yet recorded", { isArmed: false }, "confirmed"],
  ["it was undone on a full disk that took no note", { isArmed: false, isActive: false }, "undone"],
  ["it was never armed", { wasArmed: false, isArmed: false }, "unarmed"],
  ["it was killed before all that", { wasArmed: false, isArmed: false, activation: "not-begun" }, "unchanged"],
] as const)("R37: a runner was killed, and %s", ([, change, next]) => {
  expect(continueAfterKill({ ...left, ...change })).toBe(next);
});

test("how an undone run ends: who undid it and why; what the run itself had found comes first; what is not back is no rollback", () => {
  const end = (change: Partial<UndoRecord>, cause: Parameters<typeof undoOutcome>[1] = null) =>
    undoOutcome({ ...undone, ...change }, cause);
  expect(end({})).toMatchObject({ state: "rolled-back", code: "not-confirmed", reason: expect.stringContaining(back) });
  expect(end({ why: "boot" })).toMatchObject({ state: "rolled-back", code: "host-restarted" });
  expect(end({ why: "person" })).toMatchObject({ state: "rolled-back", code: "cancelled-by-person" });
  const cause = { code: "health-check-failed", reason: "web: it answers 500." } as const;
  expect(end({}, cause)).toMatchObject({ state: "rolled-back", code: "health-check-failed" });
  expect(end({ why: "runner", cause })).toMatchObject({
    code: "health-check-failed",
    reason: expect.stringContaining("answers 500"),
  });
  expect(end({ left: "The host runs something else." })).toMatchObject({ state: "failed", code: "undo-failed" });
  expect(end({ endedAt: null })).toMatchObject({ state: "failed", code: "undo-failed" });
});

test.for([
  ["runner", "runner-killed", "The runner was killed, and the activation failed. The run restored"],
  ["timer", "not-confirmed", "The activation was not confirmed in time. The dead-man switch restored"],
  ["boot", "host-restarted", "The host went down before the activation was confirmed. The next boot restored"],
  ["person", "cancelled-by-person", "Undone by a person on the host. nixfleet-agent undo restored"],
] as const)("an undo by the %s ends the run as %s, and says in whole sentences why and what runs again", ([why, code, text]) => {
  expect(undoOutcome({ ...undone, why }, null)).toEqual({ state: "rolled-back", code, reason: `${text} ${back}.` });
});

test("an undo that did not restore everything says what is left, or that it did not finish, in what an outcome takes", () => {
  const reasonOf = (change: Partial<UndoRecord>) => {
    const end = undoOutcome({ ...undone, ...change }, null);
    return end.state === "failed" ? end.reason : end.state;
  };
  const text = "The activation was not confirmed in time. The undo did not restore everything:";
  expect(reasonOf({ left: "The profile is another." })).toBe(`${text} The profile is another.`);
  expect(reasonOf({ endedAt: null })).toBe(`${text} It did not finish.`);
  expect(reasonOf({ left: "x".repeat(2000) })).toHaveLength(2000);
  const cause = { code: "not-confirmed", reason: "x".repeat(2000) } as const;
  expect(undoOutcome({ ...undone, cause }, null)).toMatchObject({ reason: expect.stringMatching(/^x{1900}/) });
});
