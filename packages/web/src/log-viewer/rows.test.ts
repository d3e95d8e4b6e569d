import fc from "fast-check";
import { expect, test } from "vitest";
import { extendRanges, type Range, rowsOf } from "./rows.ts";

const all = (rows: ReturnType<typeof rowsOf>) => Array.from({ length: rows.count }, (_, i) => rows.at(i));

test("three or more lines of noise are one row; fewer are drawn", () => {
  const rows = rowsOf(
    9,
    [
      [2, 4],
      [6, 7],
    ],
    new Set(),
  );
  expect(all(rows)).toEqual([
    { kind: "line", n: 1 },
    { kind: "fold", from: 2, to: 4 },
    { kind: "line", n: 5 },
    { kind: "line", n: 6 },
    { kind: "line", n: 7 },
    { kind: "line", n: 8 },
    { kind: "line", n: 9 },
  ]);
});

test("an opened fold shows its lines", () => {
  expect(rowsOf(5, [[2, 4]], new Set([2])).count).toBe(5);
});

test("a line in a fold is found at the fold", () => {
  const rows = rowsOf(9, [[2, 4]], new Set());
  expect([1, 2, 3, 4, 5].map((n) => rows.indexOf(n))).toEqual([0, 1, 1, 1, 2]);
});

test("rows cover every line once, in order, whatever is folded", () => {
  const lengths = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 5 }), length: fc.integer({ min: 1, max: 6 }) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 0, max: 4 }), fc.func(fc.boolean()), (parts, tail, open) => {
      const noise: Range[] = [];
      let last = 0;
      for (const { gap, length } of parts) {
        noise.push([last + gap + 1, last + gap + length]);
        last += gap + length;
      }
      last += tail;
      const rows = rowsOf(last, noise, new Set(noise.map(([from]) => from).filter((from) => open(from))));
      const lines = all(rows).flatMap((row) =>
        row.kind === "line" ? [row.n] : Array.from({ length: row.to - row.from + 1 }, (_, i) => row.from + i),
      );
      expect(lines).toEqual(Array.from({ length: last }, (_, i) => i + 1));
      for (let index = 0; index < rows.count; index += 1) {
        const row = rows.at(index);
        expect(rows.indexOf(row.kind === "line" ? row.n : row.from)).toBe(index);
      }
    }),
  );
});

test("ranges grow by the line that follows and restart after a gap", () => {
  expect([3, 4, 5, 9].reduce<readonly Range[]>(extendRanges, [])).toEqual([
    [3, 5],
    [9, 9],
  ]);
});
