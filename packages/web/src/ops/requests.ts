import {
  type HostRow,
  type NextAction,
  OPS,
  type OpName,
  opDeclaration,
  REFUSALS,
  type Role,
  roleAllows,
} from "@nixfleet/protocol";

/** An op to be started on hosts, as a button, a menu or the palette asks for it. */
export interface OpStart {
  readonly op: OpName;
  readonly args: Record<string, unknown>;
  readonly whenBlocked: "queue" | "refuse";
}

/** Every op, in the order of the registry. */
export const ALL_OPS = Object.keys(OPS) as OpName[];

/** An op with its usual arguments. It waits for a host that is away or busy, where the op can wait. */
export function opStart(op: OpName, args: Record<string, unknown> = {}): OpStart {
  return { op, args, whenBlocked: opDeclaration(op).queueable ? "queue" : "refuse" };
}

/** What a click on a host's next action starts. */
export function startOf(next: Extract<NextAction, { kind: "start" }>): OpStart {
  return { op: next.op, args: next.args, whenBlocked: next.whenBlocked };
}

/** Why an op cannot be started on a host now: what the server says of the host, else what it says of the role. */
export function denialOf(row: HostRow, op: OpName, role: Role): string | undefined {
  if (!roleAllows(role, opDeclaration(op).role)) return REFUSALS["role-too-low"].sentence;
  return row.deniedOps[op];
}

export interface OpSplit {
  readonly allowed: readonly HostRow[];
  readonly denied: readonly { readonly row: HostRow; readonly reason: string }[];
}

/** Parts hosts into those on which an op can be started now and those on which it cannot, with the reason. */
export function splitByDenial(rows: readonly HostRow[], op: OpName, role: Role): OpSplit {
  const allowed: HostRow[] = [];
  const denied: { row: HostRow; reason: string }[] = [];
  for (const row of rows) {
    const reason = denialOf(row, op, role);
    if (reason === undefined) allowed.push(row);
    else denied.push({ row, reason });
  }
  return { allowed, denied };
}

/** A list of names as a sentence has it: `a`, `a and b`, `a, b and c`. */
export function namesInWords(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
