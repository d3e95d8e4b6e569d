import { expect, test } from "vitest";
import { isGood, tally } from "./tally.ts";

test("every test counts once, whichever file it is in", () => {
  const result = tally(
    [
      { name: "a", tests: ["passed", "failed"], errors: [] },
      { name: "b", tests: ["passed", "skipped"], errors: [] },
    ],
    [],
  );
  expect(result).toEqual({ passed: 2, failed: 1, skipped: 1, broken: [] });
});

test("a file that cannot be loaded and an error outside of all tests are failures, each named", () => {
  const result = tally([{ name: "a", tests: [], errors: ["no such module"] }], ["unhandled rejection"]);
  expect(result.failed).toBe(2);
  expect(result.broken).toEqual(["a: no such module", "outside of any test: unhandled rejection"]);
});

test("a test that was cut off did not pass", () => {
  expect(tally([{ name: "a", tests: ["passed", "pending"], errors: [] }], [])).toMatchObject({ passed: 1, failed: 1 });
});

test("a run in which nothing ran, or something was skipped, is not good", () => {
  expect(isGood(tally([], []))).toBe(false);
  expect(isGood(tally([{ name: "a", tests: ["passed", "skipped"], errors: [] }], []))).toBe(false);
  expect(isGood(tally([{ name: "a", tests: ["passed"], errors: [] }], []))).toBe(true);
});
