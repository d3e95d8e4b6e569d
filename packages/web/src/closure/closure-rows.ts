import type { ClosureDiff } from "@nixfleet/protocol";
import { formatBytes } from "../format/quantity.ts";

export type ChangeKind = "added" | "removed" | "changed";

/** A package that differs between two closures, with its versions as they are to be read. */
export interface ClosureRow {
  readonly kind: ChangeKind;
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Bytes more, or less below zero; null: not known. */
  readonly grows: number | null;
}

/** The rows of a closure's changes: changed, then added, then removed packages, each sorted by name. */
export function closureRows(diff: ClosureDiff): readonly ClosureRow[] {
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, "en");
  return [
    ...diff.changed.toSorted(byName).map(
      ({ name, from, to, sizeBefore, sizeAfter }): ClosureRow => ({
        kind: "changed",
        name,
        from: versions(from),
        to: versions(to),
        grows: sizeBefore === undefined || sizeAfter === undefined ? null : sizeAfter - sizeBefore,
      }),
    ),
    ...diff.added
      .toSorted(byName)
      .map(
        ({ name, versions: to, size }): ClosureRow => ({ kind: "added", name, from: "", to: versions(to), grows: size ?? null }),
      ),
    ...diff.removed.toSorted(byName).map(
      ({ name, versions: from, size }): ClosureRow => ({
        kind: "removed",
        name,
        from: versions(from),
        to: "",
        grows: size === undefined ? null : -size,
      }),
    ),
  ];
}

/** Whether a package was rebuilt at the same version. */
export function isRebuilt({ kind, from, to }: ClosureRow): boolean {
  return kind === "changed" && from === to;
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
  if (change === 0) return `${size}, unchanged`;
  return `${size}, ${formatBytes(Math.abs(change))} ${change > 0 ? "more" : "less"}`;
}
