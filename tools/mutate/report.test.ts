import { expect, test } from "vitest";
import type { Mutant } from "./mutants.ts";
import { type Result, report, shuffle, type Verdict } from "./report.ts";

function result(line: number, verdict: Verdict, file = "a.ts"): Result {
  const mutant: Mutant = {
    file,
    line,
    start: line * 10,
    end: line * 10 + 1,
    kind: "removed statement",
    before: "f(\n  1,\n);",
    after: ";",
  };
  return { mutant, verdict };
}

test("survivors are told by place and change, and the last line counts every mutant once", () => {
  const lines = report([
    result(9, { kind: "survived" }),
    result(2, { kind: "survived" }),
    result(3, { kind: "killed", by: "test" }),
    result(4, { kind: "killed", by: "types" }),
    result(5, { kind: "unreached" }),
    result(6, { kind: "accepted" }),
    result(7, { kind: "untried" }),
  ]);
  expect(lines).toEqual([
    "No test notices:",
    "  a.ts:2  removed statement: f( 1, );  →  ;",
    "  a.ts:9  removed statement: f( 1, );  →  ;",
    "",
    "No test reaches:",
    "  a.ts:5  removed statement: f( 1, );  →  ;",
    "",
    "7 mutants: 2 killed, 2 survived, 1 unreached, 1 accepted before, 1 not tried",
  ]);
});

test("the order by chance keeps all, is the same for a seed, and another for another", () => {
  const items = Array.from({ length: 50 }, (_, index) => index);
  expect(shuffle(items, 1)).toEqual(shuffle(items, 1));
  expect(shuffle(items, 1)).not.toEqual(shuffle(items, 2));
  expect(shuffle(items, 1)).not.toEqual(items);
  expect(shuffle(items, 1).sort((a, b) => a - b)).toEqual(items);
});
