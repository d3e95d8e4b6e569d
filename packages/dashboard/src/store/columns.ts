import {
  type KyselyPlugin,
  OperationNodeTransformer,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  type PrimitiveValueListNode,
  type QueryResult,
  type RootOperationNode,
  type UnknownRow,
  type ValueNode,
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

/** Columns that hold truth as 0 or 1. */
export const BOOLEAN_COLUMNS = ["discarded", "force", "link_lost", "slow", "truncated"] as const;

const JSON_NAMES: ReadonlySet<string> = new Set(JSON_COLUMNS);
const BOOLEAN_NAMES: ReadonlySet<string> = new Set(BOOLEAN_COLUMNS);

/** What the database takes for a value of this program: objects and arrays as JSON, truth as 0 or 1, all else as it is. */
function encode(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return JSON.stringify(value);
}

class ValueEncoder extends OperationNodeTransformer {
  protected override transformValue(node: ValueNode): ValueNode {
    return { ...super.transformValue(node), value: encode(node.value) };
  }

  protected override transformPrimitiveValueList(node: PrimitiveValueListNode): PrimitiveValueListNode {
    return { ...super.transformPrimitiveValueList(node), values: node.values.map(encode) };
  }
}

/** Turns the columns of `JSON_COLUMNS` and `BOOLEAN_COLUMNS` into values when they are read, and values into them when written. */
export class ColumnCodecs implements KyselyPlugin {
  readonly #encoder = new ValueEncoder();

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    return this.#encoder.transformNode(node);
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    for (const row of result.rows) decodeRow(row);
    return result;
  }
}

function decodeRow(row: UnknownRow): void {
  for (const name of Object.keys(row)) {
    const value = row[name];
    if (JSON_NAMES.has(name)) {
      if (typeof value === "string") row[name] = JSON.parse(value);
    } else if (BOOLEAN_NAMES.has(name) && typeof value === "number") row[name] = value !== 0;
  }
}
