import { ClosureDiff } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { diffClosures, parsePathInfo } from "./closures.ts";
import { parsePackageName } from "./store-names.ts";

const hash = "sn3sxk6b7myhr3sdbn7rri2y00ww7n6p";
const closure = (path: string, ...names: string[]) => ({
  path: `/nix/store/${hash}-${path}`,
  members: names.map((name, index) => ({ path: `/nix/store/${hash}-${name}`, size: index + 1 })),
});

test("what nix path-info prints becomes paths and sizes", () => {
  const printed = `/nix/store/${hash}-alpha-1.0\t        128\n/nix/store/${hash}-beta-2.1        \t   1760\n`;
  expect(parsePathInfo(printed)).toEqual([
    { path: `/nix/store/${hash}-alpha-1.0`, size: 128 },
    { path: `/nix/store/${hash}-beta-2.1`, size: 1760 },
  ]);
});

test.for([
  ["firefox-128.0.3", "firefox", "128.0.3"],
  ["bash-completion-2.11", "bash-completion", "2.11"],
  ["glibc-2.39-52-bin", "glibc", "2.39-52"],
  ["unit-dbus.service", "unit-dbus.service", ""],
  ["openssl-dev", "openssl", ""],
  ["etc", "etc", ""],
  ["nixos-system-gate-25.11.20260101.abc", "nixos-system-gate", "25.11.20260101.abc"],
])("the name of %s is %s, its version %s", ([full, name, version]) => {
  expect(parsePackageName(full as string)).toEqual({ name, version });
});

test("packages are compared by name: added, removed, changed, several versions side by side, each with its size", () => {
  const before = closure("system-1", "alpha-1.0", "beta-2.0", "beta-2.1", "gone-1", "same-1", "same-1-bin");
  const after = closure("system-2", "alpha-1.1", "beta-2.1", "new-0.1", "same-1");
  const diff = diffClosures(before, after);
  expect(diff).toEqual({
    from: before.path,
    to: after.path,
    added: [{ name: "new", versions: ["0.1"], size: 3 }],
    removed: [{ name: "gone", versions: ["1"], size: 4 }],
    changed: [
      { name: "alpha", from: ["1.0"], to: ["1.1"], sizeBefore: 1, sizeAfter: 1 },
      { name: "beta", from: ["2.0", "2.1"], to: ["2.1"], sizeBefore: 5, sizeAfter: 2 },
    ],
    sizeBefore: 21,
    sizeAfter: 10,
  });
});

test("a host that ran nothing gets everything; a diff fits its message however much changed", () => {
  const many = Array.from({ length: 5000 }, (_, index) => `package${index}x-1`);
  const diff = diffClosures(null, closure("system", ...many));
  expect(diff).toMatchObject({ from: null, sizeBefore: null });
  expect(diff.added).toHaveLength(2000);
  expect(ClosureDiff.safeParse(diff).success).toBe(true);
});
