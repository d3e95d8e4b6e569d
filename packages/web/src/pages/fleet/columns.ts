import type { OptionalColumn } from "./view.ts";

export type Column =
  | "select"
  | "host"
  | "tags"
  | "platform"
  | "agent"
  | "git"
  | "lock"
  | "system"
  | "tests"
  | "state"
  | "runs"
  | "generation"
  | "load"
  | "memory"
  | "seen"
  | "action"
  | "menu";

export interface ColumnLayout {
  readonly column: Column;
  /** Pixels. What is left of the table's width goes to all in proportion, which is how a fixed table lays itself out. */
  readonly width: number;
}

const WIDTHS = {
  select: 32,
  host: 120,
  tags: 114,
  platform: 60,
  agent: 96,
  git: 94,
  lock: 90,
  system: 134,
  tests: 102,
  state: 190,
  runs: 112,
  generation: 44,
  load: 64,
  memory: 68,
  seen: 108,
  action: 100,
  menu: 36,
} as const satisfies Record<Column, number>;

/** All columns, in order. */
const FULL = [
  "select",
  "host",
  "tags",
  "platform",
  "agent",
  "git",
  "lock",
  "system",
  "tests",
  "runs",
  "generation",
  "load",
  "memory",
  "seen",
  "action",
  "menu",
] as const satisfies readonly Column[];

const COMPARTMENTS: readonly Column[] = ["agent", "git", "lock", "system", "tests"];

/** The same with one column for the five compartments. */
const ONE_STATE: readonly Column[] = FULL.flatMap((column): Column[] =>
  column === "agent" ? ["state"] : COMPARTMENTS.includes(column) ? [] : [column],
);

/** The order in which columns are dropped; after these, the five compartments become one column that names the problems. */
const DROPPED = ["generation", "load", "memory", "tags", "platform", "runs"] as const satisfies readonly OptionalColumn[];

const NARROW = ONE_STATE.filter((column) => !(DROPPED as readonly Column[]).includes(column));

/** The columns that fit into a width, without the hidden ones. Nothing is cut off. */
export function columnsFor(width: number, hide: readonly OptionalColumn[]): readonly ColumnLayout[] {
  let columns: Column[] = FULL.filter((column) => !(hide as readonly Column[]).includes(column));
  for (const drop of DROPPED) {
    if (total(columns) <= width) return layout(columns);
    columns = columns.filter((column) => column !== drop);
  }
  if (total(columns) <= width) return layout(columns);
  const narrow: readonly Column[] = NARROW.filter((column) => !(hide as readonly Column[]).includes(column));
  if (total(narrow) > width) return layout(narrow.filter((column) => column !== "seen"));
  // One column in the place of five leaves room for some that went before them, the last to go first.
  let kept: readonly Column[] = narrow;
  for (const drop of DROPPED.toReversed()) {
    if (hide.includes(drop)) continue;
    const more = ONE_STATE.filter((column) => column === drop || kept.includes(column));
    if (total(more) > width) break;
    kept = more;
  }
  return layout(kept);
}

function total(columns: readonly Column[]): number {
  return columns.reduce((sum, column) => sum + WIDTHS[column], 0);
}

function layout(columns: readonly Column[]): readonly ColumnLayout[] {
  return columns.map((column) => ({ column, width: WIDTHS[column] }));
}
