import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type AcceptedMutants, acceptanceOf, findAccepted, findStale } from "./accepted.ts";
import { findMutants, type Mutant } from "./mutants.ts";

const source = "function f(a) {\n  if (a) {\n    g(a,\n      1);\n  }\n}\n";

function mutantOf(kind: Mutant["kind"]): Mutant {
  const found = findMutants("a.ts", source).find((each) => each.kind === kind);
  if (found === undefined) throw new Error(kind);
  return found;
}

const call = mutantOf("removed statement");
const accepted: AcceptedMutants = { "a.ts": [{ ...acceptanceOf(call, source), reason: "g only warms a cache" }] };

test("an accepted survivor is found by its text, wherever its line moved", () => {
  const moved = `\n\n${source}`;
  const again = findMutants("a.ts", moved).find(({ kind }) => kind === "removed statement");
  expect(again?.line).toBe(call.line + 2);
  expect(again && findAccepted(accepted, again, moved)?.reason).toBe("g only warms a cache");
});

test("another change of the same line, or the same in another file, is not accepted with it", () => {
  expect(findAccepted(accepted, mutantOf("changed constant"), source)).toBeUndefined();
  expect(findAccepted(accepted, { ...call, file: "b.ts" }, source)).toBeUndefined();
});

test("of several equal changes of a line only the one that was accepted is", () => {
  const text = "f(a[0], b[0], c ?? 0);\n";
  const zeros = findMutants("a.ts", text).filter(({ kind, before }) => kind === "changed constant" && before === "0");
  const [, , last] = zeros;
  if (last === undefined) throw new Error("there are three");
  const list = { "a.ts": [{ ...acceptanceOf(last, text), reason: "c is always there" }] };
  expect(zeros.map((mutant) => findAccepted(list, mutant, text) !== undefined)).toEqual([false, false, true]);
});

test("an entry whose code has changed is reported, those of files that were not looked at are not", () => {
  const files = (text: string) => new Map([["a.ts", { source: text, mutants: findMutants("a.ts", text) }]]);
  expect(findStale(accepted, files(source))).toEqual([]);
  expect(findStale(accepted, files("f();")).map(({ entry }) => entry.in)).toEqual(["g(a,"]);
  expect(findStale({ ...accepted, "b.ts": accepted["a.ts"] ?? [] }, files(source))).toEqual([]);
});

test("every accepted survivor has a reason, and is of a file that is there", () => {
  const path = join(import.meta.dirname, "accepted.json");
  for (const [file, entries] of Object.entries(JSON.parse(readFileSync(path, "utf8")) as AcceptedMutants)) {
    expect(readFileSync(join(import.meta.dirname, "../..", file), "utf8").length).toBeGreaterThan(0);
    for (const { reason } of entries) expect(reason.length, `${file} says why`).toBeGreaterThan(10);
  }
});
