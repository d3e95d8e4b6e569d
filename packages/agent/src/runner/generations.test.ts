import { expect, test } from "vitest";
import { previousGeneration } from "./generations.ts";

/** Generations as `number:closure`, the current one with a star. */
const generations = (text: string) =>
  text.split(" ").map((word) => {
    const [number = "", closure = ""] = word.replace("*", "").split(":");
    return { number: Number(number), closure, current: word.endsWith("*") };
  });

test.each([
  ["the one below the current one", "8:a 9:b 10:c*", "c", 9],
  ["relative to the current one, not the newest", "8:a 9:b* 10:c", "b", 8],
  ["in numeric order, whatever the order of the list", "10:c* 9:b 8:a", "c", 9],
  ["over gaps", "3:a 7:b*", "b", 3],
  ["not the same closure under another number", "1:a 2:b 3:b*", "b", 1],
  ["what runs, where the current one only waits for its boot", "1:a 2:b 3:c*", "b", 2],
  ["the current one, where what runs is of no generation", "1:a 2:b*", "tried", 2],
  ["none before the first", "1:a* 2:b", "a", undefined],
  ["none where nothing else was ever there", "1:a 2:a*", "a", undefined],
  ["none where none is current", "1:a 2:b", "b", undefined],
])("R34: the generation before: %s", (_, text, running, expected) => {
  expect(previousGeneration(generations(text), running)).toBe(expected);
});

test("R34: where it cannot be read what runs, it is still the one below", () => {
  expect(previousGeneration(generations("1:a 2:b*"), undefined)).toBe(1);
});
