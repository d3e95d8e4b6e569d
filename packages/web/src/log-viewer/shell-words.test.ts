import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shellLine } from "./shell-words.ts";

test("a command is shown as it would be typed, quoted only where needed", () => {
  expect(shellLine(["nix", "build", "--no-link", "git+file:///var/repo?rev=7f3a91c#a.b"])).toBe(
    "nix build --no-link 'git+file:///var/repo?rev=7f3a91c#a.b'",
  );
  expect(shellLine(["echo", "it's", ""])).toBe("echo 'it'\\''s' ''");
});

test("a shell reads the line back to the same arguments, whatever is in them", () => {
  const word = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (argv) => {
      const script = `set -- ${shellLine(argv)}; for word; do printf '%s\\0' "$word"; done`;
      const output = execFileSync("sh", ["-c", script], { encoding: "utf8" });
      expect(output.split("\0").slice(0, -1)).toEqual(argv);
    }),
    { numRuns: 30 },
  );
});
