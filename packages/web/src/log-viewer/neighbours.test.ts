import { expect, test } from "vitest";
import { neighbourOf } from "./neighbours.ts";

test("the next line is the first one after the current line, the previous one the last before it", () => {
  const lines = [4, 196, 4160];
  expect(lines[neighbourOf(lines, 1, 1)]).toBe(4);
  expect(lines[neighbourOf(lines, 4, 1)]).toBe(196);
  expect(lines[neighbourOf(lines, 200, -1)]).toBe(196);
  expect(lines[neighbourOf(lines, 196, -1)]).toBe(4);
});

test("jumping goes round at both ends", () => {
  const lines = [4, 196, 4160];
  expect(lines[neighbourOf(lines, 4160, 1)]).toBe(4);
  expect(lines[neighbourOf(lines, 4, -1)]).toBe(4160);
});

test("an empty list has no neighbour", () => {
  expect(neighbourOf([], 5, 1)).toBe(-1);
});
