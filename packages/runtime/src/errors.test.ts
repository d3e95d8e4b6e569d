import { expect, test } from "vitest";
import { isDiskFull, messageOf } from "./errors.ts";

const withCode = (code: string) => Object.assign(new Error("it failed"), { code });

test("Whatever was thrown has a message", () => {
  expect([new Error("it failed"), "a text", null, undefined, 7].map(messageOf)).toEqual([
    "it failed",
    "a text",
    "null",
    "undefined",
    "7",
  ]);
});

test("A full disk and a full quota are a full disk, and nothing else is", () => {
  expect(["ENOSPC", "EDQUOT"].map((code) => isDiskFull(withCode(code)))).toEqual([true, true]);
  expect([withCode("EIO"), new Error("ENOSPC"), null, undefined, "ENOSPC"].map(isDiskFull)).toEqual(Array(5).fill(false));
});
