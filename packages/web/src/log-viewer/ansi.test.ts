import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAnsi, plainLine } from "./ansi.ts";

test("a plain line is one span", () => {
  expect(parseAnsi("building hello")).toEqual([{ text: "building hello" }]);
  expect(parseAnsi("")).toEqual([]);
});

test("colour and weight become spans and end with a reset", () => {
  expect(parseAnsi("\u001b[1;31merror:\u001b[0m no such \u001b[32mfile\u001b[39m.")).toEqual([
    { text: "error:", bold: true, color: "red" },
    { text: " no such " },
    { text: "file", color: "green" },
    { text: "." },
  ]);
});

test("bright black is faint, the palette's first colours are the basic ones, true colour is plain", () => {
  expect(parseAnsi("\u001b[90ma\u001b[38;5;3mb\u001b[38;2;1;2;3mc\u001b[38;5;200md")).toEqual([
    { text: "a", color: "faint" },
    { text: "b", color: "yellow" },
    { text: "c" },
    { text: "d" },
  ]);
});

test("R50: cursor movement, titles, links, clipboard writes and lone controls are left out", () => {
  const hostile =
    "\u001b[2J\u001b]0;title\u0007\u001b]52;c;aGk=\u001b\\\u001b]8;;http://x\u0007link\u001b]8;;\u0007\u001bc\u0008\u0007\u009b31mred";
  expect(parseAnsi(hostile)).toEqual([{ text: "link" }, { text: "red", color: "red" }]);
  expect(plainLine(hostile)).toBe("linkred");
});

test("R50: no text, however malformed, leaves a control character in a span", () => {
  const piece = fc.constantFrom("\u001b", "[", "]", "3", "1", ";", "m", "H", "\u0007", "\\", "a", "\u009b", "P", "\u0000", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const line = pieces.join("");
      const text = parseAnsi(line)
        .map((span) => span.text)
        .join("");
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      expect(text).toBe(plainLine(line));
    }),
  );
});
