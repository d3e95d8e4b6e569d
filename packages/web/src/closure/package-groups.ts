import { type ChangeKind, type ClosureRow, isRebuilt } from "./closure-rows.ts";

/** Which packages are shown, and in which order. */
export interface PackageView {
  readonly kind: ChangeKind | "all";
  readonly text: string;
  /** Sorts by change of size first, whatever the kind; else by kind and name. */
  readonly bySize: boolean;
}

export interface PackageGroup {
  /** Null: of every kind. */
  readonly kind: ChangeKind | null;
  readonly rows: readonly ClosureRow[];
}

const ORDER = ["added", "removed", "changed"] as const satisfies readonly ChangeKind[];

/** The packages to show in their groups, without the empty ones. Packages that were only rebuilt come last. */
export function packageGroups(rows: readonly ClosureRow[], { kind, text, bySize }: PackageView): readonly PackageGroup[] {
  const wanted = text.trim().toLowerCase();
  const shown = rows.filter((row) => (kind === "all" || row.kind === kind) && row.name.toLowerCase().includes(wanted));
  if (shown.length === 0) return [];
  if (bySize) return [{ kind: null, rows: shown.toSorted((a, b) => weightOf(b) - weightOf(a)) }];
  return ORDER.map((each) => {
    const members = shown.filter((row) => row.kind === each);
    return { kind: each, rows: [...members.filter((row) => !isRebuilt(row)), ...members.filter(isRebuilt)] };
  }).filter((group) => group.rows.length > 0);
}

/** Packages of unknown size come last. */
function weightOf({ grows }: ClosureRow): number {
  return grows === null ? -1 : Math.abs(grows);
}

/** How many there are of each kind. */
export function countKinds(rows: readonly ClosureRow[]): Readonly<Record<ChangeKind, number>> {
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const { kind } of rows) counts[kind] += 1;
  return counts;
}
