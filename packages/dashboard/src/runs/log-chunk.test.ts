import type { LogLine } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import {
  addNoise,
  CHUNK_CHARACTERS,
  CHUNK_LINES,
  chunksOf,
  compress,
  decode,
  markLines,
  packLines,
  unpackLines,
} from "./log-chunk.ts";

const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({ at: 1, stream: "build", text, ...more });
const sizesOf = (lines: readonly LogLine[]) => [...chunksOf(lines)].map((part) => part.length);

test("R8: a line is read as it was stored, whatever it says", async () => {
  const lines = [
    line("plain"),
    line('with "quotes",\u2028 and half a pair \ud800', { stream: "nix" }),
    line("bad", { level: "error" }),
    line("the rest of it", { continues: true }),
    line("both", { level: "warning", continues: true }),
    line(""),
  ];
  expect(unpackLines(packLines(lines))).toEqual(lines);
  expect(unpackLines(await decode("zstd", await compress(packLines(lines))))).toEqual(lines);
  expect(unpackLines(await decode("plain", packLines(lines)))).toEqual(lines);
  expect(unpackLines(packLines([]))).toEqual([]);
});

test("what a line leaves out takes no room", () => {
  expect(packLines([line("a"), line("b", { level: "noise" }), line("c", { continues: true })]).toString()).toBe(
    '[1,"build","a"]\n[1,"build","b","noise"]\n[1,"build","c",0,1]\n',
  );
});

test("a part of a larger buffer is read alone", () => {
  const whole = Buffer.concat([packLines([line("a")]), packLines([line("b")])]);
  expect(unpackLines(whole.subarray(whole.length / 2))).toEqual([line("b")]);
});

test("a chunk ends with its most lines", () => {
  const lines = Array.from({ length: 2 * CHUNK_LINES + 1 }, () => line(""));
  expect(CHUNK_LINES).toBe(2000);
  expect(sizesOf(lines)).toEqual([CHUNK_LINES, CHUNK_LINES, 1]);
  expect(sizesOf(lines.slice(1))).toEqual([CHUNK_LINES, CHUNK_LINES]);
  expect(sizesOf([])).toEqual([]);
});

test("a chunk ends with its most characters, but a line is never cut", () => {
  const half = line("x".repeat(CHUNK_CHARACTERS / 2));
  const one = line("x");
  const long = line("x".repeat(CHUNK_CHARACTERS + 1));
  expect(CHUNK_CHARACTERS).toBe(524_288);
  expect(sizesOf([half, half, one])).toEqual([2, 1]);
  expect(sizesOf([half, one, half])).toEqual([2, 1]);
  expect(sizesOf([long, long, one])).toEqual([1, 1, 1]);
  expect(sizesOf([half, half, half, half])).toEqual([2, 2]);
});

test("marks say where each level is, noise as ranges, and nothing where there is none", () => {
  expect(markLines([line("a"), line("b")])).toBeNull();
  const levels: LogLine["level"][] = ["noise", "noise", "error", "noise", "warning", undefined, "warning", "error"];
  expect(markLines(levels.map((level) => (level === undefined ? line("") : line("", { level }))))).toEqual({
    errors: [2, 7],
    warnings: [4, 6],
    noise: [
      [0, 1],
      [3, 3],
    ],
  });
  for (const level of ["error", "warning", "noise"] as const) expect(markLines([line("", { level })])).not.toBeNull();
});

test("a range that continues the last one extends it", () => {
  const ranges: [number, number][] = [];
  addNoise(ranges, [0, 1]);
  addNoise(ranges, [2, 5]);
  addNoise(ranges, [7, 7]);
  expect(ranges).toEqual([
    [0, 5],
    [7, 7],
  ]);
});
