import * as fc from "fast-check";
import { expect, test } from "vitest";
import { bootUndoes, continueAfterKill, type InterruptedRun, undoSteps } from "./decide.ts";

/**
 * A host as far as a deployment changes it. Each step of somebody is one change of the disk or of what runs; between any two of them
 * that somebody can be killed, the power can go, and somebody else can come.
 */
interface Model {
  armed: boolean;
  stage: "activation" | "permanent";
  told: boolean;
  begun: boolean;
  status: "none" | "succeeded" | "failed";
  undo: InterruptedRun["undo"];
  /** `half`: an activation is in the middle of its work. */
  running: "old" | "new" | "half";
  profile: "old" | "new";
  /** What the boot loader starts. */
  entry: "old" | "new";
  confirmed: boolean;
  recorded: boolean;
  boot: number;
  armedIn: number;
  ends: string[];
  /** A boot started the new generation, which nobody had confirmed. */
  bootedUnconfirmed: boolean;
}

type Step = (model: Model) => void;

const set =
  (change: Partial<Model>): Step =>
  (model) => {
    Object.assign(model, change);
  };

const closures = { old: "/old", new: "/new", half: undefined } as const;
const programs = (["profile", "activation", "boot-entry"] as const).map((kind) => ({
  kind,
  launcher: [],
  argv: [kind] as [string],
  env: {},
  unit: null,
}));

/** The steps of an undo under its lock, as the model is when it begins. */
function planUndo(model: Model): Step[] {
  if (!model.armed) return [];
  const kinds = undoSteps(
    { undo: programs, stage: model.stage, armedIn: String(model.armedIn), back: closures.old },
    { bootId: String(model.boot), running: closures[model.running], bootActivates: true },
  ).map(({ kind }) => kind);
  const changes = {
    profile: [set({ profile: "old" })],
    activation: [set({ running: "half" }), set({ running: "old" })],
    "boot-entry": [set({ entry: "old" })],
  } satisfies Record<string, Step[]>;
  return [set({ undo: "begun" }), ...kinds.flatMap((kind) => changes[kind]), set({ undo: "ended" }), set({ armed: false })];
}

const isOld = ({ running, profile, entry }: Model) => running === "old" && profile === "old" && entry === "old";
const isNew = ({ running, profile, entry }: Model) => running === "new" && profile === "new" && entry === "new";

/** What follows a confirmation. */
const permanentSteps: Step[] = [
  set({ stage: "permanent" }),
  set({ profile: "new" }),
  set({ entry: "new" }),
  set({ armed: false }),
];

/** The live runner, from arming to its end. `goes`: how the activation goes, and what a confirmation says. */
function runnerSteps(goes: { activation: "succeeded" | "failed"; confirmed: boolean }): Step[] {
  const whileArmed =
    (step: Step): Step =>
    (model) => {
      if (model.armed && model.undo === "none") step(model);
    };
  const confirmed = (step: Step) =>
    whileArmed((model) => {
      if (model.confirmed) step(model);
    });
  return [
    (model) => {
      model.armed = true;
      model.armedIn = model.boot;
    },
    set({ told: true }),
    set({ begun: true }),
    whileArmed(set({ running: "half" })),
    whileArmed((model) => {
      model.running = "new";
      model.status = goes.activation;
    }),
    whileArmed((model) => {
      model.confirmed = goes.confirmed && model.status === "succeeded";
    }),
    ...permanentSteps.map(confirmed),
    (model) => {
      if (model.armed || model.undo !== "none" || !isNew(model)) return;
      model.recorded = true;
      model.ends.push("succeeded");
    },
  ];
}

/** What the next runner does, to the end of the run. */
function recover(model: Model, confirmed: boolean): void {
  if (model.ends.length > 0) return;
  const next = continueAfterKill({
    wasArmed: model.told,
    isArmed: model.armed,
    undo: model.undo,
    sameBoot: model.armedIn === model.boot,
    activation: !model.begun ? "not-begun" : model.status === "none" ? "unknown" : model.status,
    isActive: model.running === "new",
  });
  const undoAll = () => {
    for (const step of planUndo(model)) step(model);
    model.ends.push(isOld(model) ? "rolled-back" : "undo-failed");
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
      model.confirmed = true;
      for (const step of permanentSteps) step(model);
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
  }
}

/** The machine starts again, with what its boot loader starts. A generation that cannot boot is no different until it is confirmed. */
function restart(model: Model): void {
  model.boot++;
  model.running = model.entry;
  if (model.entry === "new" && !model.confirmed) model.bootedUnconfirmed = true;
}

test("R1, R37, R82: whatever is killed when, the power too and again in the undo: one end, it is true, nothing half done, and no boot of what nobody confirmed", () => {
  const actor = fc.constantFrom("runner", "runner", "timer", "boot", "power");
  fc.assert(
    fc.property(
      fc.record({ activation: fc.constantFrom("succeeded" as const, "failed" as const), confirmed: fc.boolean() }),
      fc.array(actor, { maxLength: 30, size: "max" }),
      fc.boolean(),
      (goes, schedule, confirmedLater) => {
        const model: Model = {
          armed: false,
          stage: "activation",
          told: false,
          begun: false,
          status: "none",
          undo: "none",
          running: "old",
          profile: "old",
          entry: "old",
          confirmed: false,
          recorded: false,
          boot: 1,
          armedIn: 1,
          ends: [],
          bootedUnconfirmed: false,
        };
        let runner = runnerSteps(goes);
        let undoer: Step[] = [];
        for (const who of schedule) {
          // The lock: while somebody undoes, the runner starts nothing and disarms nothing.
          if (who === "runner" && undoer.length === 0) runner.shift()?.(model);
          if (who === "timer" && (undoer.length > 0 || model.armedIn === model.boot)) {
            if (undoer.length === 0) undoer = planUndo(model);
            undoer.shift()?.(model);
          }
          if (who === "power") {
            restart(model);
            runner = [];
            undoer = [];
          }
          const boot = { bootId: String(model.boot), now: 0, monotonic: 0, runnerLives: false };
          const isDue = bootUndoes({ armedIn: String(model.armedIn), until: 9, dueAt: null }, boot);
          if (who === "boot" && undoer.length === 0 && model.armed && isDue) undoer = planUndo(model);
        }
        for (const step of undoer) step(model);
        recover(model, confirmedLater);
        recover(model, !confirmedLater);

        expect(model.bootedUnconfirmed).toBe(false);
        expect(model.ends).toHaveLength(1);
        expect(model.armed).toBe(false);
        const [end] = model.ends;
        if (end === "succeeded") expect([isNew(model), model.recorded, model.status]).toEqual([true, true, "succeeded"]);
        else expect([isOld(model), model.recorded]).toEqual([true, false]);
        expect(["succeeded", "rolled-back", "failed"]).toContain(end);
        if (end === "failed") expect(model.begun).toBe(false);
      },
    ),
    { numRuns: 6000 },
  );
});
