import { expect, test } from "vitest";
import { sentence, shortCommit, storeName } from "./text.ts";

const NAME = "8q1vabcdfghijklmnpqrsvwxyz012345-nixos-system-gpc0-26.05";

test("A store path is named without directory and hash, wherever its store is", () => {
  for (const path of [`/nix/store/${NAME}`, `/home/ada/nix/store/${NAME}`, NAME]) {
    expect(storeName(path)).toBe("nixos-system-gpc0-26.05");
  }
});

test("A derivation has the name of what it builds", () => {
  expect(storeName(`/nix/store/${NAME}.drv`)).toBe("nixos-system-gpc0-26.05");
  expect(storeName(`/nix/store/${NAME}.drv.drv`)).toBe("nixos-system-gpc0-26.05.drv");
});

test("A text that is no store path stays as it is", () => {
  const noHash = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-has-letters-that-no-hash-has";
  const longer = `/nix/store/0${NAME}`;
  for (const text of ["generation 287", "", "/nix/store", noHash, longer, `/nix/store/${NAME}/bin/sh`]) {
    expect(storeName(text)).toBe(text);
  }
});

test("A commit is read by its first seven digits", () => {
  expect(shortCommit("0123456789abcdef0123456789abcdef01234567")).toBe("0123456");
});

test("A text becomes a sentence, and a sentence stays one", () => {
  expect(sentence(" no space left\n")).toBe("no space left.");
  for (const whole of ["Done.", "Really?", "Stop!", "And so on…"]) expect(sentence(whole)).toBe(whole);
});
