import { type HostRow, WORST_FIRST } from "@nixfleet/protocol";

export const SORTS = ["worst", "name", "platform", "runs", "load", "memory", "seen"] as const;
export type Sort = (typeof SORTS)[number];

export const SORT_LABELS = {
  worst: "Worst first",
  name: "By name",
  platform: "By platform",
  runs: "Oldest deployment first",
  load: "Highest load first",
  memory: "Fullest memory first",
  seen: "Longest unseen first",
} as const satisfies Record<Sort, string>;

// Made once: a comparison that makes its own takes a hundred times as long.
const NAMES = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const byName = (a: HostRow, b: HostRow) => NAMES.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
/** Greatest first; what is not known last. Two that are both not known give NaN, hence the zero. */
const descending = (read: (row: HostRow) => number | null) => (a: HostRow, b: HostRow) =>
  (read(b) ?? -Infinity) - (read(a) ?? -Infinity) || 0;
const ascending = (read: (row: HostRow) => number | null) => (a: HostRow, b: HostRow) =>
  (read(a) ?? Infinity) - (read(b) ?? Infinity) || 0;

/** Whether what hosts measure decides the order. */
export function sortsByMeasured(sort: Sort): boolean {
  return sort === "load" || sort === "memory";
}

const REACHABILITY = ["offline", "stale", "never", "online"] as const;

const COMPARE = {
  worst: (a, b) => WORST_FIRST.indexOf(a.status) - WORST_FIRST.indexOf(b.status),
  name: () => 0,
  platform: (a, b) => NAMES.compare(a.platform, b.platform),
  runs: ascending((row) => row.runs.since),
  load: descending((row) => (row.load === null || row.cores === null ? row.load : row.load / row.cores)),
  memory: descending((row) => row.memory),
  seen: (a, b) =>
    REACHABILITY.indexOf(a.reachability.state) - REACHABILITY.indexOf(b.reachability.state) ||
    ascending((row) => row.reachability.since)(a, b),
} as const satisfies Record<Sort, (a: HostRow, b: HostRow) => number>;

/** Hosts in the wanted order; equal ones by name, so that the order is always the same. */
export function sortRows(rows: readonly HostRow[], sort: Sort): readonly HostRow[] {
  const compare = COMPARE[sort];
  return rows.toSorted((a, b) => compare(a, b) || byName(a, b));
}

/**
 * The order to draw while the pointer is in the list: what stood there stays where it stood, what came since follows at the end, and only
 * what no longer exists goes. `wanted` is the order as it would be drawn afresh; `exists` says whether there is still such a thing.
 */
export function heldOrder(
  drawn: readonly string[],
  wanted: readonly string[],
  exists: (id: string) => boolean,
): readonly string[] {
  const standing = drawn.filter(exists);
  const known = new Set(standing);
  return [...standing, ...wanted.filter((id) => !known.has(id))];
}
