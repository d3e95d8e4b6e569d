import type { PluginTransformResultArgs, UnknownRow } from "kysely";
import { expect, test } from "vitest";
import { ColumnCodecs, encodeValue } from "./columns.ts";

const decode = async (rows: UnknownRow[]) =>
  (await new ColumnCodecs().transformResult({ result: { rows } } as unknown as PluginTransformResultArgs)).rows;

test("truth is stored as 0 or 1, objects and arrays as JSON, all else as it is", () => {
  const bytes = new Uint8Array([1, 2]);
  expect([true, false, { a: [1] }, [], null, 5, "x", undefined].map(encodeValue)).toEqual([
    1,
    0,
    '{"a":[1]}',
    "[]",
    null,
    5,
    "x",
    undefined,
  ]);
  expect(encodeValue(bytes)).toBe(bytes);
});

test("what is read is what was stored, in every row, by the names of its columns", async () => {
  const rows = [
    { args: '{"a":1}', force: 1, slow: 0, name: '{"a":1}', number: 1 },
    { args: "[]", force: 0, slow: 1, name: "b", number: 0 },
  ];
  expect(await decode(rows)).toEqual([
    { args: { a: 1 }, force: true, slow: false, name: '{"a":1}', number: 1 },
    { args: [], force: false, slow: true, name: "b", number: 0 },
  ]);
});

test("a column that holds nothing stays so, and a result without rows is one", async () => {
  expect(await decode([{ hold: null, link_lost: null }])).toEqual([{ hold: null, link_lost: null }]);
  expect(await decode([])).toEqual([]);
});
