import { expect, test } from "vitest";
import { shortStorePath } from "./store-path.ts";

const PATH = "/nix/store/8q1vabcdfghijklmnpqrsvwxyz012345-nixos-system-gpc0-26.05";

test("a store path is shortened to the start of its hash and its name", () => {
  expect(shortStorePath(PATH)).toBe("/nix/store/8q1v…-nixos-system-gpc0-26.05");
});

test("a store need not be at /nix/store", () => {
  const elsewhere = PATH.replace("/nix/store", "/home/ada/nix/store");
  expect(shortStorePath(elsewhere)).toBe("/home/ada/nix/store/8q1v…-nixos-system-gpc0-26.05");
});

test("a text that is no store path is not changed", () => {
  expect(shortStorePath("generation 287")).toBe("generation 287");
});
