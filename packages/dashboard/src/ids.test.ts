import { randomBytes } from "node:crypto";
import { RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createIds } from "./ids.ts";

test("R13: 10,000 ids of one millisecond are unique, in order, and well formed", () => {
  const ids = createIds({ now: () => 1_790_000_000_000, randomBytes });
  const made = Array.from({ length: 10_000 }, () => ids.run());
  expect(new Set(made).size).toBe(10_000);
  expect([...made].sort()).toEqual(made);
  for (const id of made) RunId.parse(id);
});

test("R13: ids stay unique and in order when the random part is at its end or the clock is set back", () => {
  let now = 1000;
  const ids = createIds({ now: () => now, randomBytes: (count) => new Uint8Array(count).fill(255) });
  const made = [ids.run(), ids.run()];
  now = 500;
  made.push(ids.run());
  now = 2000;
  made.push(ids.run());
  expect(new Set(made).size).toBe(4);
  expect([...made].sort()).toEqual(made);
});

test("R13: ids stay in order when the clock is set back by forty days and the process starts again", () => {
  const start = 1_790_000_000_000;
  const before = createIds({ now: () => start, randomBytes }).run();
  const ids = createIds({ now: () => start - 40 * 24 * 3_600_000, randomBytes, after: before });
  const made = [before, ids.run(), ids.run()];
  expect(new Set(made).size).toBe(3);
  expect([...made].sort()).toEqual(made);
  for (const id of made) RunId.parse(id);
});

test("an id begins with its time", () => {
  const at = (now: number) =>
    createIds({ now: () => now, randomBytes })
      .run()
      .slice(0, 10);
  expect(at(1_469_918_176_385)).toBe("01aryz6s41");
});
