import { expect, test } from "vitest";
import { markNix, markShell } from "./nix-marks.ts";

test("strings, attributes, booleans and braces are distinguished, and no code is lost", () => {
  const code = `{ inputs, ... }:\n  services.a = {\n    enable = true;\n    url    = "https://x/\${y}";\n  };\n`;
  const marks = markNix(code);
  expect(marks.map((mark) => mark.text).join("")).toBe(code);
  const of = (kind: string) => marks.filter((mark) => mark.kind === kind).map((mark) => mark.text.trim());
  expect(of("string")).toEqual([`"https://x/\${y}"`]);
  expect(of("attribute")).toEqual(["services.a", "enable", "url"]);
  expect(of("value")).toEqual(["true"]);
  expect(of("dim")).toEqual(["{", "}:", "{", "}"]);
});

test("a quoted part of a command is a string", () => {
  expect(markShell("a --flake 'git+ssh://x#y' b")).toEqual([
    { text: "a --flake ", kind: "plain" },
    { text: "'git+ssh://x#y'", kind: "string" },
    { text: " b", kind: "plain" },
  ]);
});
