import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  RootOperationNode,
  UnknownRow,
} from "kysely";

/** Columns that hold JSON as text, by name: a name means the same in every table. */
export const JSON_COLUMNS = [
  "args",
  "armed",
  "awaited_proof",
  "command",
  "deployed",
  "diff",
  "hold",
  "marks",
  "run_outcome",
  "phases",
  "policy",
  "preview",
  "progress",
  "run_warnings",
  "settings",
  "tests",
] as const;

/** Columns that hold booleans as 0 or 1. */
export const BOOLEAN_COLUMNS = ["discarded", "force", "link_lost", "slow", "truncated"] as const;

const JSON_NAMES: ReadonlySet<string> = new Set(JSON_COLUMNS);
const BOOLEAN_NAMES: ReadonlySet<string> = new Set(BOOLEAN_COLUMNS);

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
