import { expect, test } from "vitest";
import { foldWords } from "./fold-words.ts";

const line = (text: string, at = 0) => ({ text, at });
const NBSP = "\u00a0";

test("a fold of copies is named by the repeated words, their source and their duration", () => {
  const path = "copying path '/nix/store/3xk-hello-2.12' from 'https://cache.nixos.org'...";
  expect(foldWords(188, line(path), line(path, 62_000))).toEqual({
    lead: "188 × copying path",
    rest: `from cache.nixos.org, 1${NBSP}min 02${NBSP}s`,
  });
});

test("a source without a scheme, or none, is shown as it is", () => {
  expect(foldWords(3, line("copying path '/nix/store/a-b' from 'ssh-ng://build.lan'..."), undefined).rest).toBe("from build.lan");
  expect(foldWords(3, line("downloading 'https://example.org/a.tar.gz'..."), undefined)).toEqual({
    lead: "3 × downloading",
    rest: "",
  });
});

test("a fold that begins with Nix's announcement is named by it", () => {
  const text = "these 31 paths will be fetched (12.3 MiB download, 50.1 MiB unpacked):";
  expect(foldWords(32, line(text), line("  /nix/store/a-b"))).toEqual({
    lead: "these 31 paths will be fetched (12.3 MiB download, 50.1 MiB unpacked)",
    rest: "31 more lines",
  });
});

test("colours are no part of the words, and paths alone have none", () => {
  expect(foldWords(4, line("\u001b[2mcopying path\u001b[0m '/nix/store/a-b'"), undefined).lead).toBe("4 × copying path");
  expect(foldWords(1_204, line("  /nix/store/a-b"), undefined).lead).toBe("1,204 × similar lines");
});

test("a fold whose lines are not loaded yet has their count", () => {
  expect(foldWords(188, undefined, undefined)).toEqual({ lead: "188 lines", rest: "" });
});
