import type { ClosureDiff } from "@nixfleet/protocol";
import { formatBytes } from "../../format/quantity.ts";

/** A package that differs between two closures, with its versions as they are to be read. */
export interface ClosureRow {
  readonly kind: "changed" | "added" | "removed";
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** The rows of a closure's changes: what changed first, then what came and what went, each by name. */
export function closureRows(diff: ClosureDiff): readonly ClosureRow[] {
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, "en");
  return [
    ...diff.changed
      .toSorted(byName)
      .map(({ name, from, to }): ClosureRow => ({ kind: "changed", name, from: versions(from), to: versions(to) })),
    ...diff.added
      .toSorted(byName)
      .map(({ name, versions: to }): ClosureRow => ({ kind: "added", name, from: "", to: versions(to) })),
    ...diff.removed
      .toSorted(byName)
      .map(({ name, versions: from }): ClosureRow => ({ kind: "removed", name, from: versions(from), to: "" })),
  ];
}

/** A package without a version in its name, such as a script, has none to show. */
function versions(list: readonly string[]): string {
  return list.filter(Boolean).join(", ");
}

/** The closure's size and how it changes: `7.8 GiB, 12 MiB more`. */
export function sizeWords({ sizeBefore, sizeAfter }: Pick<ClosureDiff, "sizeBefore" | "sizeAfter">): string {
  const size = formatBytes(sizeAfter);
  if (sizeBefore === null) return size;
  const change = sizeAfter - sizeBefore;
  if (change === 0) return `${size}, as before`;
  return `${size}, ${formatBytes(Math.abs(change))} ${change > 0 ? "more" : "less"}`;
}
