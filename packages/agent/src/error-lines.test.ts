import { expect, test } from "vitest";
import { firstError, judgeLine, NOTHING_FOUND, readErrorLine, saysError } from "./error-lines.ts";
import { stripEscapes } from "./escape-sequences.ts";

const first = (...lines: string[]) => firstError(lines.reduce(readErrorLine, NOTHING_FOUND));

test("R71: a cause is told before its consequence, a consequence before a hint, and the last words if there is none", () => {
  const output = ["begins", "it cannot go on", "make: *** [Makefile:2: all] Error 1", "cc: error: no input files", "bye"];
  expect(first(...output)).toBe("cc: error: no input files");
  expect(first(...output.filter((line) => !line.startsWith("cc")))).toBe("make: *** [Makefile:2: all] Error 1");
  expect(first(...output.slice(0, 2), "bye")).toBe("it cannot go on");
  expect(first("begins", "bye", "")).toBe("bye");
  expect(first("", "  ")).toBeUndefined();
});

test("R71: an error is told as plain text, without its label, and as long as an outcome may have it", () => {
  expect(first("\u001b[31;1merror:\u001b[0m \u001b[35;1mattribute 'a'\u001b[0m missing")).toBe("attribute 'a' missing");
  expect(first("fatal: it is over")).toBe("it is over");
  expect(first(`error: ${"x".repeat(5000)}`)?.length).toBeLessThanOrEqual(2000);
});

test.each([
  "Error handling is on",
  "warning: error: ignored",
  "note: no error occurred",
  "Installation finished. No error reported.",
  "0 errors, 0 failures",
  "12 passed, 0 failed",
  "ok 3 the error page is there",
  "PASS: 0 failed units",
  "not ok 4 the printer # TODO no printer here",
  "not ok 5 # SKIP",
  "error (ignored): cannot unlink '/tmp/x'",
  "stopping the following units: error-pages.service, failed-mail.service",
])("R71: %j calls nothing an error", (line) => {
  expect(saysError(line)).toBe(false);
  expect(judgeLine(line).weight).not.toBe("cause");
});

test.each([64 * 1024, 1024 * 1024])("%i bytes in a line are judged by what they begin with", (size) => {
  const fill = (text: string) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
  for (const text of [
    "a: ",
    "a:",
    "error ",
    "assertion ",
    "not ok 1 ",
    "Existing file '",
    "A-",
    "\u001b[",
    "\u001b]",
    "\u001b",
    "[0;",
    "0 a ",
  ]) {
    expect(judgeLine(fill(text)).said.length).toBeLessThanOrEqual(4000);
    expect(stripEscapes(`\u001b[${fill("0")}${fill(" ")}${fill(text)}`).length).toBeGreaterThan(0);
  }
});
