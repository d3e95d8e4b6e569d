import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from "kysely";
import type { Database } from "./schema.ts";

/** Names of columns whose values have a type of this kind in `schema.ts`; a name means the same in every table. */
type ColumnsOf<Kind extends "json" | "boolean"> = {
  [T in keyof Database]: {
    [C in keyof Database[T] & string]: KindOf<NonNullable<Database[T][C]>> extends Kind ? C : never;
  }[keyof Database[T] & string];
}[keyof Database];

type KindOf<Value> = [Value] extends [string | number | Uint8Array] ? "plain" : [Value] extends [boolean] ? "boolean" : "json";

/** Columns that hold JSON as text. */
const JSON_COLUMNS = {
  args: true,
  armed: true,
  awaited_proof: true,
  command: true,
  deployed: true,
  diff: true,
  hold: true,
  inquiry: true,
  marks: true,
  run_outcome: true,
  phases: true,
  policy: true,
  preview: true,
  progress: true,
  run_warnings: true,
  settings: true,
  tests: true,
} as const satisfies Record<ColumnsOf<"json">, true>;

/** Columns that hold booleans as 0 or 1. */
const BOOLEAN_COLUMNS = {
  discarded: true,
  force: true,
  link_lost: true,
  reopened: true,
  slow: true,
  truncated: true,
} as const satisfies Record<ColumnsOf<"boolean">, true>;

const JSON_NAMES: ReadonlySet<string> = new Set(Object.keys(JSON_COLUMNS));
const BOOLEAN_NAMES: ReadonlySet<string> = new Set(Object.keys(BOOLEAN_COLUMNS));

/** What SQLite takes for a value of this program: objects and arrays as JSON, truth as 0 or 1, all else as it is. */
export function encodeValue(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return JSON.stringify(value);
}

/**
 * Turns the columns of `JSON_COLUMNS` and `BOOLEAN_COLUMNS` into values when they are read. When they are written, the dialect encodes
 * the parameters of a statement: to walk the tree of each query for them took a tenth of the time of small ones.
 */
export class ColumnCodecs implements KyselyPlugin {
  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return node;
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    decodeRows(result.rows);
    return result;
  }
}

/** The rows of one result have the same columns. */
function decodeRows(rows: readonly UnknownRow[]): void {
  const names = Object.keys(rows[0] ?? {});
  const json = names.filter((name) => JSON_NAMES.has(name));
  const booleans = names.filter((name) => BOOLEAN_NAMES.has(name));
  for (const row of rows) {
    for (const name of json) {
      const value = row[name];
      if (typeof value === "string") row[name] = JSON.parse(value);
    }
    for (const name of booleans) {
      const value = row[name];
      if (typeof value === "number") row[name] = value !== 0;
    }
  }
}
