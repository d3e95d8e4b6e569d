import fc from "fast-check";
import { expect, test } from "vitest";
import { isShallowJson, MAX_JSON_DEPTH } from "./json-depth.ts";

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test("R66: what is nested deeper than any message is refused, what is not passes, and brackets in strings are text", () => {
  expect(isShallowJson(nested(MAX_JSON_DEPTH))).toBe(true);
  expect(isShallowJson(nested(MAX_JSON_DEPTH + 1))).toBe(false);
  expect(isShallowJson('{"a":'.repeat(500_000))).toBe(false);
  expect(isShallowJson(JSON.stringify(nested(1000)))).toBe(true);
  expect(isShallowJson(`["\\"[[", ${nested(MAX_JSON_DEPTH - 1)}]`)).toBe(true);
  expect(isShallowJson(`["\\\\", ${nested(MAX_JSON_DEPTH)}]`)).toBe(false);
  expect(isShallowJson('["')).toBe(true);
});

test("R66: any value that is nested less is shallow, whatever its texts are", () => {
  fc.assert(fc.property(fc.json({ maxDepth: 10 }), (text) => isShallowJson(text)));
});
