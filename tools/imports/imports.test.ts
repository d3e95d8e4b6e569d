import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { FLOOR_PLANS } from "./floors.ts";
import { importsBetween } from "./import-graph.ts";
import { deepImports, upwardImports } from "./rules.ts";

const repository = resolve(import.meta.dirname, "../..");

/** The sources below a folder that are shipped: tests and their fixtures may reach into anything. */
function readSources(root: string): Map<string, string> {
  const cwd = resolve(repository, root);
  const paths = globSync("**/*.{ts,tsx}", { cwd }).filter((path) => !/\.(test|fixture)\.tsx?$/.test(path));
  return new Map(paths.map((path) => [path, readFileSync(resolve(cwd, path), "utf8")]));
}

test.for(FLOOR_PLANS)("$root: every import leads to a lower floor, and past no folder's index", ({ root, floors }) => {
  const sources = readSources(root);
  const imports = importsBetween(sources);
  expect(imports.length).toBeGreaterThan(0);
  expect([...upwardImports(imports, sources.keys(), floors), ...deepImports(imports, sources.keys())]).toEqual([]);
});

const sample = new Map([
  ["store/index.ts", 'export { open } from "./open.ts";'],
  ["store/open.ts", 'import type { Run } from "../runs/run.ts";\nexport const open = (run: Run) => run;'],
  ["runs/run.ts", 'export type Run = string;\nexport const late = () => import("../store/open.ts");'],
  ["main.ts", 'import { open } from "./store/index.ts";\nimport { join } from "node:path";\nopen(join("a", "b"));'],
]);

test("an import of a higher floor is named, with both files", () => {
  expect(upwardImports(importsBetween(sample), sample.keys(), [["store"], ["runs"], ["main"]])).toEqual([
    "store/open.ts imports runs/run.ts, but runs is above store.",
  ]);
});

test("two parts on one floor know nothing of each other", () => {
  const sentences = upwardImports(importsBetween(sample), sample.keys(), [["store", "runs"], ["main"]]);
  expect(sentences).toEqual([
    "store/open.ts imports runs/run.ts, but runs is on the same floor as store.",
    "runs/run.ts imports store/open.ts, but store is on the same floor as runs.",
  ]);
});

test("a part without a floor, and a floor without its part, are named", () => {
  expect(upwardImports([], sample.keys(), [["store"], ["main"], ["people"]])).toEqual([
    "runs is on no floor: tools/imports/floors.ts.",
    "people has a floor and is not there.",
  ]);
});

test("an import past a folder's index is named; within the folder, and of a folder without one, any file may be imported", () => {
  expect(deepImports(importsBetween(sample), sample.keys())).toEqual(["runs/run.ts imports store/open.ts past store/index.ts."]);
});
