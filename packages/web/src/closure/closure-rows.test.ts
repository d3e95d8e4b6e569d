import type { ClosureDiff } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { closureRows, sizeWords } from "./closure-rows.ts";

const NBSP = "\u00a0";
const diff = (change: Partial<ClosureDiff>): ClosureDiff => ({
  from: null,
  to: "/nix/store/x",
  added: [],
  removed: [],
  changed: [],
  sizeBefore: null,
  sizeAfter: 0,
  ...change,
});

test("changed packages come before added and removed ones, each sorted by name", () => {
  const rows = closureRows(
    diff({
      added: [{ name: "zstd", versions: ["1.5.7"], size: 100 }],
      removed: [{ name: "gzip", versions: ["1.13", "1.14"], size: 30 }],
      changed: [
        { name: "nginx", from: ["1.29.3"], to: ["1.29.4"], sizeBefore: 50, sizeAfter: 40 },
        { name: "linux", from: ["6.12.58"], to: ["6.12.61"] },
      ],
    }),
  );
  expect(rows).toEqual([
    { kind: "changed", name: "linux", from: "6.12.58", to: "6.12.61", grows: null },
    { kind: "changed", name: "nginx", from: "1.29.3", to: "1.29.4", grows: -10 },
    { kind: "added", name: "zstd", from: "", to: "1.5.7", grows: 100 },
    { kind: "removed", name: "gzip", from: "1.13, 1.14", to: "", grows: -30 },
  ]);
});

test("the size has its new value and the difference", () => {
  expect(sizeWords({ sizeBefore: null, sizeAfter: 1024 })).toBe(`1${NBSP}KiB`);
  expect(sizeWords({ sizeBefore: 1024, sizeAfter: 3072 })).toBe(`3${NBSP}KiB, 2${NBSP}KiB more`);
  expect(sizeWords({ sizeBefore: 3072, sizeAfter: 1024 })).toBe(`1${NBSP}KiB, 2${NBSP}KiB less`);
  expect(sizeWords({ sizeBefore: 1024, sizeAfter: 1024 })).toBe(`1${NBSP}KiB, unchanged`);
});
