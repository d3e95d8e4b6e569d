import * as fc from "fast-check";
import { expect, test } from "vitest";
import { columnsFor } from "./columns.ts";

const names = (width: number) => columnsFor(width, []).map(({ column }) => column);
const total = (width: number) => columnsFor(width, []).reduce((sum, column) => sum + column.width, 0);

test("at the width of the pictures every column is shown", () => {
  expect(names(1374)).toHaveLength(16);
});

test("in a narrower table generation, load and memory are dropped first, then tags", () => {
  const gone = (width: number) => names(1374).filter((column) => !names(width).includes(column));
  expect(gone(1373)).toEqual(["generation"]);
  expect(gone(1270)).toEqual(["generation", "load"]);
  expect(gone(1200)).toEqual(["generation", "load", "memory"]);
  expect(gone(1100)).toEqual(["tags", "generation", "load", "memory"]);
});

test("without room for five compartments, one column names the problems", () => {
  expect(names(800)).toContain("state");
  expect(names(800)).not.toContain("git");
});

test("the one column leaves room for dropped ones again, the last dropped first", () => {
  expect(names(834)).toEqual(["select", "host", "platform", "state", "runs", "seen", "action", "menu"]);
  expect(names(500)).toEqual(["select", "host", "state", "action", "menu"]);
});

test("nothing is cut off at any width that has a table", () => {
  fc.assert(
    fc.property(fc.integer({ min: 490, max: 3000 }), (width) => {
      expect(total(width)).toBeLessThanOrEqual(width);
    }),
  );
});

test("a hidden column stays hidden and leaves its room to others", () => {
  const hidden = columnsFor(1330, ["generation"]).map(({ column }) => column);
  expect(hidden).not.toContain("generation");
  expect(hidden).toContain("load");
});
