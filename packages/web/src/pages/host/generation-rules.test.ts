import type { GenerationView } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { readComparison } from "./address.ts";
import { choose, comparisonOf, comparisonTitle, sharedDenial } from "./generation-rules.ts";

test("at most two are selected, a third replaces the first, and selecting one again deselects it", () => {
  expect(choose([], 5)).toEqual([5]);
  expect(choose([5], 3)).toEqual([5, 3]);
  expect(choose([5, 3], 7)).toEqual([3, 7]);
  expect(choose([3, 7], 3)).toEqual([7]);
});

test("the newer one is compared with the older one, whichever was selected first; a single one with the running system", () => {
  expect(comparisonOf([])).toBeNull();
  expect(comparisonOf([5])).toEqual({ generation: 5 });
  expect(comparisonOf([100, 99])).toEqual({ generation: 100, against: 99 });
  expect(comparisonOf([99, 100])).toEqual({ generation: 100, against: 99 });
});

test("a comparison is named by what it compares; a preview of a commit is none", () => {
  expect(comparisonTitle({ generation: 288, against: 287 })).toBe("From generation 287 to 288");
  expect(comparisonTitle({ generation: 287 })).toBe("From the running system to generation 287");
  expect(comparisonTitle({ commit: "7f3a91c" })).toBeNull();
});

const generation = (number: number, change: Partial<GenerationView>): GenerationView => ({
  number,
  at: 0,
  closure: "/nix/store/x",
  commit: null,
  subject: null,
  by: null,
  runId: null,
  marks: [],
  rollback: null,
  denied: null,
  ...change,
});

test("a reason that holds for every generation is shown once; a collected one has its own, the running one has none", () => {
  const why = "The host's own configuration does not allow this op.";
  const runs = generation(4, {});
  const collected = generation(1, { closure: null, denied: "It was collected." });
  const [third, second] = [generation(3, { denied: why }), generation(2, { denied: why })];
  expect(sharedDenial([runs, third, second, collected])).toBe(why);
  expect(sharedDenial([runs, third, { ...second, denied: "Another." }])).toBeNull();
  expect(sharedDenial([runs, third, collected])).toBeNull();
  const rollback = { kind: "open-run", label: "", runId: "" } as unknown as GenerationView["rollback"];
  expect(sharedDenial([generation(5, { rollback }), third, second])).toBeNull();
});

test("an address that names no run compares nothing", () => {
  expect(readComparison({ compare: "../admin" })).toEqual({});
  expect(readComparison({ compare: "01jzzzzzzzzzzzzzzzzzzzzzzz" })).toEqual({ compare: "01jzzzzzzzzzzzzzzzzzzzzzzz" });
});
