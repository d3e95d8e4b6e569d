import { expect, test } from "vitest";
import { emptyResult } from "./empty-result.ts";

test.each([
  ["undefined | string", "f()", "undefined"],
  ["Run | null", "f()", "null"],
  ["Promise<number>", "f()", "0"],
  ["readonly Run[]", "f()", "[]"],
  ["ReadonlyArray<Run>", "f()", "[]"],
  ["Promise<ReadonlyMap<RunId, number | undefined>>", "f()", "new Map()"],
  ["Set<string>", "f()", "new Set()"],
  ["boolean", "a && b", "!(a && b)"],
])("of %s the emptiest is %s → %s", (declared, value, empty) => {
  expect(emptyResult(declared, value)).toBe(empty);
});

test.each([
  ["Run | undefined", "undefined"],
  ["string[]", "[]"],
  ["Run", "f()"],
  ["string | number", "f()"],
  ["void", "f()"],
  ["(a: string | undefined) => Run", "f"],
  ["{ a: string | null }", "f()"],
])("%s has none for %s", (declared, value) => {
  expect(emptyResult(declared, value)).toBeUndefined();
});
