import { expect, test } from "vitest";
import type { ClosureRow } from "./closure-rows.ts";
import { countKinds, type PackageView, packageGroups } from "./package-groups.ts";

const row = (
  kind: ClosureRow["kind"],
  name: string,
  grows: number | null = null,
  change: Partial<ClosureRow> = {},
): ClosureRow => ({
  kind,
  name,
  from: kind === "added" ? "" : "1",
  to: kind === "removed" ? "" : "2",
  grows,
  ...change,
});
const rows = [
  row("changed", "mesa", null),
  row("changed", "glibc", 0, { to: "1" }),
  row("changed", "linux", 1100),
  row("added", "gamescope", 2400),
  row("removed", "gtk2", -1800),
];
const shown = (view: Partial<PackageView>) =>
  packageGroups(rows, { kind: "all", text: "", bySize: false, ...view }).map(
    (group) => `${group.kind}: ${group.rows.map(({ name }) => name).join(" ")}`,
  );

test("by kind: added, removed, changed; packages that were only rebuilt come last", () => {
  expect(shown({})).toEqual(["added: gamescope", "removed: gtk2", "changed: mesa linux glibc"]);
});

test("by size: the largest change first, whether growth or reduction; unknown sizes last", () => {
  expect(shown({ bySize: true })).toEqual(["null: gamescope gtk2 linux glibc mesa"]);
});

test("a kind and a text filter the packages, and empty groups are left out", () => {
  expect(shown({ kind: "changed" })).toEqual(["changed: mesa linux glibc"]);
  expect(shown({ text: " G" })).toEqual(["added: gamescope", "removed: gtk2", "changed: glibc"]);
  expect(shown({ text: "python" })).toEqual([]);
});

test("every kind has a count, also of zero", () => {
  expect(countKinds(rows)).toEqual({ added: 1, removed: 1, changed: 3 });
  expect(countKinds([])).toEqual({ added: 0, removed: 0, changed: 0 });
});
