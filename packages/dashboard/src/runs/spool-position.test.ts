import { expect, test } from "vitest";
import { commonSeq, writerAt } from "./spool-position.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);
const C = "c".repeat(32);
const writers = [
  { id: A, afterSeq: 0 },
  { id: B, afterSeq: 49 },
];

test("R67: of a spool that only grew, all that is stored is common", () => {
  expect(commonSeq({ seq: 30, writerId: A }, { lastSeq: 49, writers: [{ id: A, afterSeq: 0 }] })).toBe(30);
  expect(commonSeq({ seq: 49, writerId: A }, { lastSeq: 52, writers })).toBe(49);
  expect(commonSeq({ seq: 51, writerId: B }, { lastSeq: 52, writers })).toBe(51);
  expect(commonSeq({ seq: 0, writerId: null }, { lastSeq: 52, writers })).toBe(0);
});

test("R67: of a host that was put back, what it had then is common, however many events it has written since", () => {
  expect(commonSeq({ seq: 60, writerId: A }, { lastSeq: 52, writers })).toBe(49);
  expect(commonSeq({ seq: 60, writerId: A }, { lastSeq: 500, writers })).toBe(49);
  expect(commonSeq({ seq: 60, writerId: C }, { lastSeq: 500, writers })).toBe(0);
  expect(commonSeq({ seq: 60, writerId: B }, { lastSeq: 52, writers })).toBe(52);
});

test("of an agent that does not name its writers the numbers alone count", () => {
  expect(commonSeq({ seq: 60, writerId: null }, { lastSeq: 52, writers })).toBe(52);
  expect(commonSeq({ seq: 60, writerId: A }, { lastSeq: 52 })).toBe(52);
  expect(commonSeq({ seq: 40, writerId: null }, { lastSeq: 52 })).toBe(40);
});

test("an event belongs to the last writer that began before it", () => {
  expect([0, 1, 49, 50, 500].map((seq) => writerAt(seq, writers))).toEqual([null, A, A, B, B]);
  expect(writerAt(5)).toBeNull();
});
