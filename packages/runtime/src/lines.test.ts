import fc from "fast-check";
import { expect, test } from "vitest";
import { createLineSplitter, maxFragmentBytes, type OutputLine } from "./lines.ts";

function split(chunks: readonly Uint8Array[], limit?: number): OutputLine[] {
  const lines: OutputLine[] = [];
  const splitter = createLineSplitter((line) => lines.push(line), limit);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

/** Cuts bytes at random places, empty chunks included. */
function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

const texts = (lines: readonly OutputLine[]) => lines.map(({ text }) => text);

/** Half characters included. (fast-check's own "binary" first builds a table of all of Unicode, for seconds.) */
const codePoint = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));

/** Bytes in which endings, characters of every length and invalid sequences are all common. */
const output = fc
  .array(
    fc.oneof(
      fc.constantFrom("\n", "\r", "\r\n", "a", "é", "€", "😀", "").map((text) => Buffer.from(text)),
      fc.string({ unit: codePoint }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 60 },
  )
  .map((parts) => Buffer.concat(parts));

const cuts = fc.array(fc.nat(), { maxLength: 20 });

test("R8: LF, CRLF and a bare CR end a line, and a final line without an ending is delivered", () => {
  expect(texts(split([Buffer.from("one\ntwo\r\n10%\r90%\r\n\nlast")]))).toEqual(["one", "two", "10%", "90%", "", "last"]);
  expect(split([])).toEqual([]);
  expect(texts(split([Buffer.from("one\n")]))).toEqual(["one"]);
});

test("R8: a progress line is delivered at its CR, not when the next one comes", () => {
  const lines: OutputLine[] = [];
  const splitter = createLineSplitter((line) => lines.push(line));
  splitter.push(Buffer.from("10%\r"));
  expect(texts(lines)).toEqual(["10%"]);
  splitter.push(Buffer.from("\nnext\n"));
  expect(texts(lines)).toEqual(["10%", "next"]);
});

test("R8: however output is chunked, the lines are those of the whole, and invalid bytes become U+FFFD", () => {
  fc.assert(
    fc.property(output, cuts, (bytes, places) => {
      const whole = new TextDecoder("utf-8", { ignoreBOM: true });
      const expected = splitBytes(bytes).map((line) => whole.decode(line));
      expect(split(chunked(bytes, places))).toEqual(expected.map((text) => ({ text, continues: false })));
    }),
    { numRuns: 300 },
  );
});

test("R8: fragments of a long line join to the line, none is over the limit, and no character is cut", () => {
  fc.assert(
    fc.property(output, cuts, fc.integer({ min: 4, max: 9 }), (bytes, places, limit) => {
      const fragments = split(chunked(bytes, places), limit);
      const joined: string[] = [];
      let open = false;
      for (const { text, continues } of fragments) {
        expect(text.length).toBeLessThanOrEqual(limit);
        if (open) joined[joined.length - 1] += text;
        else joined.push(text);
        open = continues;
      }
      expect(open).toBe(false);
      expect(joined).toEqual(texts(split([bytes])));
    }),
    { numRuns: 300 },
  );
});

test("R8: a line of 1 MiB arrives whole, in fragments of 64 KiB", () => {
  const line = Buffer.alloc(1024 * 1024, "x");
  const fragments = split(chunked(Buffer.concat([line, Buffer.from("\ntail")]), [10, 70_000, 500_000]));
  expect(fragments.map(({ text }) => text.length)).toEqual([...Array(16).fill(maxFragmentBytes), 4]);
  expect(fragments.map(({ continues }) => continues)).toEqual([...Array(15).fill(true), false, false]);
});

test("R8: a line of exactly the limit is one line, one byte more makes a fragment", () => {
  const exact = "x".repeat(maxFragmentBytes);
  expect(split([Buffer.from(`${exact}\n`)])).toEqual([{ text: exact, continues: false }]);
  expect(split([Buffer.from(`${exact}y\n`)])).toEqual([
    { text: exact, continues: true },
    { text: "y", continues: false },
  ]);
});

test("R8: a million lines keep their order and their tail", () => {
  const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i).join("\n"));
  let count = 0;
  let inOrder = true;
  const splitter = createLineSplitter(({ text }) => {
    inOrder &&= text === String(count);
    count++;
  });
  for (let at = 0; at < bytes.length; at += 65_536) splitter.push(bytes.subarray(at, at + 65_536));
  splitter.end();
  expect({ count, inOrder }).toEqual({ count: 1_000_000, inOrder: true });
});

/** The plainest way to say what a line is: for comparison only, since it needs the whole output at once. */
function splitBytes(bytes: Buffer): Buffer[] {
  const lines = bytes
    .toString("latin1")
    .split(/\r\n|\r|\n/)
    .map((line) => Buffer.from(line, "latin1"));
  if (lines.at(-1)?.length === 0) lines.pop();
  return lines;
}
