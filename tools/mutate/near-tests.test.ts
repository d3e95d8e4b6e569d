import { expect, test } from "vitest";
import { applyMutant, findMutants } from "./mutants.ts";
import { type Baseline, countNoticed, testsOf } from "./near-tests.ts";
import { findReachPoints, instrument, reachPointOf } from "./reach-points.ts";

const file = "ship/a.ts";
const source = "const limit = 5;\nfunction f(a) {\n  if (a) {\n    g();\n  }\n  return h((b) => b > 1);\n}\n";
const points = findReachPoints(file, source, 10);
const mutants = findMutants(file, source);
const run = { passed: true, duration: 1, steps: {} };

function pointAt(text: string) {
  const start = source.indexOf(text);
  return reachPointOf(points, { file, start, end: start + text.length });
}

test("blocks and the expressions of arrow functions are reached each by itself, the innermost counts", () => {
  expect(points.map(({ id, kind }) => [id, kind])).toEqual([
    [10, "block"],
    [11, "block"],
    [12, "expression"],
  ]);
  expect(pointAt("g()")?.id).toBe(11);
  expect(pointAt("if (a)")?.id).toBe(10);
  expect(pointAt("b > 1")?.id).toBe(12);
  expect(pointAt("const limit = 5")).toBeUndefined();
});

test("the instrumented file is the same on each line but for the calls", () => {
  const text = instrument(source, points, { module: "/m.ts", folder: "/r" });
  expect(text.split("\n")).toEqual([
    "const limit = 5;",
    'function f(a) {reach$("/r", 10);',
    '  if (a) {reach$("/r", 11);',
    "    g();",
    "  }",
    '  return h((b) => (reach$("/r", 12), b > 1));',
    "}",
    "",
    'import { reach as reach$ } from "/m.ts";',
    "",
  ]);
});

function baselineOf(reached: Record<string, number[]>, unknown: number[] = []): Baseline {
  return {
    points,
    reached: { by: new Map(Object.entries(reached).map(([name, parts]) => [name, new Set(parts)])), unknown: new Set(unknown) },
    related: new Map([[file, ["ship/a.test.ts", "link/b.test.ts"]]]),
    noticed: new Map(),
    runs: new Map(["ship/a.test.ts", "link/b.test.ts", "daemon/c.test.ts"].map((name) => [name, run])),
  };
}

function testsAt(text: string, baseline: Baseline) {
  const mutant = mutants.find(({ start }) => start >= source.indexOf(text) && start < source.indexOf(text) + text.length);
  if (mutant === undefined) throw new Error(`no mutant in ${text}`);
  expect(applyMutant(source, mutant)).not.toBe(source);
  return testsOf(mutant, baseline);
}

test("a mutant is tried by the tests that reach it, those of its folder first", () => {
  const baseline = baselineOf({ "ship/a.test.ts": [10, 11], "daemon/c.test.ts": [10, 11], "link/b.test.ts": [10] });
  expect(testsAt("g();", baseline)).toEqual({ near: ["ship/a.test.ts"], far: ["daemon/c.test.ts"] });
  expect(testsAt("b > 1", baseline)).toEqual({ near: [], far: [] });
});

test("a test file of the folder that takes long waits for its turn with those of others", () => {
  const baseline = baselineOf({ "ship/a.test.ts": [11] });
  const slow = { ...baseline, runs: new Map([["ship/a.test.ts", { ...run, duration: 20_000 }]]) };
  expect(testsAt("g();", slow)).toEqual({ near: [], far: ["ship/a.test.ts"] });
});

test("those that are tried first are so many as take little time together", () => {
  const baseline = baselineOf({ "ship/a.test.ts": [11], "ship/b.test.ts": [11], "ship/c.test.ts": [11] });
  const timed = {
    ...baseline,
    runs: new Map(["a", "b", "c"].map((name) => [`ship/${name}.test.ts`, { ...run, duration: 900 }])),
  };
  expect(testsAt("g();", timed)).toEqual({ near: ["ship/a.test.ts", "ship/b.test.ts"], far: ["ship/c.test.ts"] });
});

test("those that take least come first, but one that notices faults of the file again and again comes before them", () => {
  const baseline = baselineOf({ "daemon/c.test.ts": [11], "link/b.test.ts": [11] });
  const timed = {
    ...baseline,
    runs: new Map([
      ["daemon/c.test.ts", { ...run, duration: 30 }],
      ["link/b.test.ts", { ...run, duration: 20 }],
    ]),
  };
  expect(testsAt("g();", timed).far).toEqual(["link/b.test.ts", "daemon/c.test.ts"]);
  const [mutant] = mutants;
  if (mutant === undefined) throw new Error("there are some");
  countNoticed(timed, { ...mutant, file: "another.ts" }, "daemon/c.test.ts");
  expect(testsAt("g();", timed).far).toEqual(["link/b.test.ts", "daemon/c.test.ts"]);
  countNoticed(timed, mutant, "daemon/c.test.ts");
  expect(testsAt("g();", timed).far).toEqual(["daemon/c.test.ts", "link/b.test.ts"]);
});

test("where a program reached it of which nobody knows the test, all tests are tried", () => {
  expect(testsAt("g();", baselineOf({}, [11]))).toEqual({
    near: ["ship/a.test.ts"],
    far: ["link/b.test.ts", "daemon/c.test.ts"],
  });
});

test("what runs when the file is loaded is tried by all that load it, or reach any of it", () => {
  expect(testsAt("5", baselineOf({ "daemon/c.test.ts": [12] }))).toEqual({
    near: ["ship/a.test.ts"],
    far: ["link/b.test.ts", "daemon/c.test.ts"],
  });
});

test("a test file that fails without a fault is not tried", () => {
  const baseline = baselineOf({ "ship/a.test.ts": [11], "gone.test.ts": [11] });
  expect(testsAt("g();", baseline)).toEqual({ near: ["ship/a.test.ts"], far: [] });
});
