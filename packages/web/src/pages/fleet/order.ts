import { type HostRow, WORST_FIRST } from "@nixfleet/protocol";

export const SORTS = ["worst", "name", "platform", "runs", "load", "memory", "seen"] as const;
export type Sort = (typeof SORTS)[number];

export const SORT_LABELS = {
  worst: "Worst first",
  name: "By name",
  platform: "By platform",
  runs: "Oldest deployment first",
  load: "Highest load first",
  memory: "Highest memory use first",
  seen: "Last seen longest ago first",
} as const satisfies Record<Sort, string>;

// Made once: a comparison that makes its own takes a hundred times as long.
const NAMES = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const byName = (a: HostRow, b: HostRow) => NAMES.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
/** Greatest first, unknown last. Two unknown values give NaN, hence the zero. */
const descending = (read: (row: HostRow) => number | null) => (a: HostRow, b: HostRow) =>
  (read(b) ?? -Infinity) - (read(a) ?? -Infinity) || 0;
const ascending = (read: (row: HostRow) => number | null) => (a: HostRow, b: HostRow) =>
  (read(a) ?? Infinity) - (read(b) ?? Infinity) || 0;

/** Whether the order depends on measurements. */
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

/** Sorts hosts; equal ones by name, so that the order is stable. */
export function sortRows(rows: readonly HostRow[], sort: Sort): readonly HostRow[] {
  const compare = COMPARE[sort];
  return rows.toSorted((a, b) => compare(a, b) || byName(a, b));
}

/**
 * The order to draw while the pointer is in the list: rows stay in place, new ones follow at the end, and only rows
 * that no longer exist are removed. `wanted` is the order without the hold.
 */
export function heldOrder(
  drawn: readonly string[],
  wanted: readonly string[],
  exists: (id: string) => boolean,
): readonly string[] {
  const present = drawn.filter(exists);
  const known = new Set(present);
  return [...present, ...wanted.filter((id) => !known.has(id))];
}
