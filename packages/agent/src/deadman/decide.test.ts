import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { UndoRecord } from "../spool/shapes.ts";
import { bootUndoes, type Continuation, continueAfterKill, type InterruptedRun, undoOutcome, windowLeft } from "./decide.ts";

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

test("R6: a boot undoes what another boot has armed, and in its own boot only what nobody works on and whose time is over", () => {
  const armed = { bootId: "this", until: 100 };
  expect(bootUndoes(armed, { bootId: "another", now: 50, runnerLives: false })).toBe(true);
  expect(bootUndoes(armed, { bootId: "another", now: 0, runnerLives: true })).toBe(true);
  expect(bootUndoes(armed, { bootId: "this", now: 99, runnerLives: false })).toBe(false);
  expect(bootUndoes(armed, { bootId: "this", now: 100, runnerLives: false })).toBe(true);
  // A process with a clock an hour ahead has armed it, or has not: what is running is left alone.
  expect(bootUndoes(armed, { bootId: "this", now: 3_600_100, runnerLives: true })).toBe(false);
});

test("R37: what is left of a confirm window is never more than the whole of it and never less than nothing, wherever the clock was set", () => {
  const armed = { armedAt: 1_000_000, until: 1_120_000 };
  expect(windowLeft(armed, 1_030_000)).toBe(90_000);
  expect(windowLeft(armed, 1_120_000)).toBe(0);
  fc.assert(
    fc.property(fc.integer(), (now) => {
      const left = windowLeft(armed, now);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(left).toBeLessThanOrEqual(120_000);
    }),
  );
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

/**
 * A host as far as the dead-man switch changes it. Each step of somebody is one change of the disk; between any two of them
 * that somebody can be killed, and somebody else can come.
 */
interface Model {
  armed: boolean;
  told: boolean;
  begun: boolean;
  status: "none" | "succeeded" | "failed";
  undo: InterruptedRun["undo"];
  running: "old" | "new" | "between";
  recorded: boolean;
  boot: number;
  armedIn: number;
  ends: string[];
}

type Step = (model: Model) => void;

/** The steps of an undo under its lock; without a record there is nothing to do. */
const undoSteps: Step[] = [
  (model) => {
    if (model.armed) model.undo = "begun";
  },
  (model) => {
    if (model.armed) model.running = "between";
  },
  (model) => {
    if (model.armed) model.running = "old";
  },
  (model) => {
    if (model.armed) model.undo = "ended";
  },
  (model) => {
    model.armed = false;
  },
];

/** The live runner, from arming to its end. `goes`: how the activation goes, and what a confirmation says. */
function runnerSteps(goes: { activation: "succeeded" | "failed"; confirmed: boolean }): Step[] {
  const isStillArmed = (model: Model) => model.armed && model.undo === "none";
  return [
    (model) => {
      model.armed = true;
      model.armedIn = model.boot;
    },
    (model) => {
      model.told = true;
    },
    (model) => {
      model.begun = true;
    },
    (model) => {
      if (isStillArmed(model)) model.running = "between";
    },
    (model) => {
      if (!isStillArmed(model)) return;
      model.running = "new";
      model.status = goes.activation;
    },
    // Disarmed by a confirmation: what runs is kept.
    (model) => {
      if (isStillArmed(model) && goes.confirmed && model.status === "succeeded") model.armed = false;
    },
    (model) => {
      if (model.armed || model.undo !== "none" || model.running !== "new") return;
      model.recorded = true;
      model.ends.push("succeeded");
    },
  ];
}

/** What the next runner does, to the end of the run. */
function recover(model: Model, confirmed: boolean): void {
  if (model.ends.length > 0) return;
  const next: Continuation = continueAfterKill({
    wasArmed: model.told,
    isArmed: model.armed,
    undo: model.undo,
    sameBoot: model.armedIn === model.boot,
    activation: !model.begun ? "not-begun" : model.status === "none" ? "unknown" : model.status,
    isActive: model.running === "new",
  });
  const undoAll = () => {
    for (const step of undoSteps) step(model);
    model.ends.push(model.running === "old" ? "rolled-back" : "undo-failed");
  };
  switch (next) {
    case "unchanged":
    case "disarm":
      model.armed = false;
      model.ends.push("failed");
      return;
    case "confirm":
      if (!confirmed) {
        undoAll();
        return;
      }
      model.armed = false;
      model.recorded = true;
      model.ends.push("succeeded");
      return;
    case "undo":
    case "undone":
      undoAll();
      return;
    case "confirmed":
      model.recorded = true;
      model.ends.push("succeeded");
      return;
    case "unarmed":
      model.ends.push("unarmed");
      return;
  }
}

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

test("R1, R37: whatever is killed when, and whoever comes first: one end, it is true, and a host that goes down is never left between", () => {
  const actor = fc.constantFrom("runner", "timer", "boot", "power");
  fc.assert(
    fc.property(
      fc.record({ activation: fc.constantFrom("succeeded" as const, "failed" as const), confirmed: fc.boolean() }),
      fc.array(actor, { maxLength: 25 }),
      fc.boolean(),
      (goes, schedule, confirmedLater) => {
        const model: Model = {
          armed: false,
          told: false,
          begun: false,
          status: "none",
          undo: "none",
          running: "old",
          recorded: false,
          boot: 1,
          armedIn: 1,
          ends: [],
        };
        let runner = runnerSteps(goes);
        let undoer: Step[] = [];
        for (const who of schedule) {
          // The lock: while somebody undoes, the runner starts nothing and disarms nothing.
          if (who === "runner" && undoer.length === 0) runner.shift()?.(model);
          if (who === "timer" && model.armedIn === model.boot) {
            if (undoer.length === 0 && model.armed) undoer = [...undoSteps];
            undoer.shift()?.(model);
          }
          if (who === "power") {
            model.boot++;
            runner = [];
            undoer = [];
          }
          if (
            who === "boot" &&
            model.armed &&
            bootUndoes({ bootId: String(model.armedIn), until: 9 }, { bootId: String(model.boot), now: 0, runnerLives: false })
          ) {
            for (const step of undoSteps) step(model);
          }
        }
        for (const step of undoer) step(model);
        recover(model, confirmedLater);
        recover(model, !confirmedLater);

        expect(model.ends).toHaveLength(1);
        expect(model.armed).toBe(false);
        const [end] = model.ends;
        if (end === "succeeded") expect(model).toMatchObject({ running: "new", recorded: true, status: "succeeded" });
        else expect(model).toMatchObject({ running: "old", recorded: false });
        expect(["succeeded", "rolled-back", "failed"]).toContain(end);
        if (end === "failed") expect(model.begun).toBe(false);
      },
    ),
    { numRuns: 3000 },
  );
});
