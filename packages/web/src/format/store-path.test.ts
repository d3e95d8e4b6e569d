import { expect, test } from "vitest";
import { shortStorePath, storeName } from "./store-path.ts";

const PATH = "/nix/store/8q1vabcdfghijklmnpqrsvwxyz012345-nixos-system-gpc0-26.05";

test("a store path is told by its name, or with the first digits of its hash", () => {
  expect(storeName(PATH)).toBe("nixos-system-gpc0-26.05");
  expect(shortStorePath(PATH)).toBe("/nix/store/8q1v…-nixos-system-gpc0-26.05");
});

test("a store need not be at /nix/store", () => {
  const elsewhere = PATH.replace("/nix/store", "/home/ada/nix/store");
  expect(storeName(elsewhere)).toBe("nixos-system-gpc0-26.05");
  expect(shortStorePath(elsewhere)).toBe("/home/ada/nix/store/8q1v…-nixos-system-gpc0-26.05");
});

test("what is no store path is told as it is", () => {
  expect([storeName("generation 287"), shortStorePath("generation 287")]).toEqual(["generation 287", "generation 287"]);
});
