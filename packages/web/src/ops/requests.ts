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
  /** Skips the checks that can be skipped. */
  readonly force: boolean;
}

/** Every op, in the order of the registry. */
export const ALL_OPS = Object.keys(OPS) as OpName[];

/** The ops of a menu: all except those with an argument that only their own page knows, such as a generation. */
export const MENU_OPS = ALL_OPS.filter((op) => opDeclaration(op).args.safeParse({}).success);

/** An argument with a usual value that a person may want to be another one. */
export interface OpQuestion {
  readonly argument: string;
  readonly label: string;
  readonly usual: number;
  /** Shown when the answer is invalid. */
  readonly fault: string;
}

const QUESTIONS: Partial<Record<OpName, OpQuestion>> = {
  "collect-garbage": {
    argument: "keepDays",
    label: "Keep generations newer than (days)",
    usual: OPS["collect-garbage"].args.parse({}).keepDays,
    fault: "Enter a whole number of days, at most 3650.",
  },
};

/** The question in the dialog of an op. */
export function questionOf(op: OpName): OpQuestion | undefined {
  return QUESTIONS[op];
}

/** Whether a click opens a dialog before the run starts. */
export function asksFirst(op: OpName, hosts: number): boolean {
  return hosts > 1 || opDeclaration(op).secondFactor || questionOf(op) !== undefined;
}

/** Specialisations that a switch of one host can be asked for. A boot brings the configuration itself. */
export function specialisationsToAsk({ op, args }: Pick<OpStart, "op" | "args">, rows: readonly HostRow[]): readonly string[] {
  const [only, ...more] = rows;
  if (op !== "switch" || args["mode"] === "boot" || only === undefined || more.length > 0) return [];
  const { specialisation } = only.runs;
  return specialisation === null ? only.specialisations : [...new Set([specialisation, ...only.specialisations])];
}

/** The label of an op on a button or in a menu; three dots mean that a dialog follows. */
export function opLabel(op: OpName, hosts = 1): string {
  return `${opDeclaration(op).label}${asksFirst(op, hosts) ? "…" : ""}`;
}

/** An op and its object: `Switch 3 hosts`, `Run tests on csb1`. */
export function opOn(op: OpName, object: string): string {
  const { label } = opDeclaration(op);
  return `${label}${label.includes(" ") ? " on" : ""} ${object}`;
}

/** Whether the Changes page shows the whole result of an op: a preview of a switch. */
export function leadsToChanges({ op, args }: Pick<OpStart, "op" | "args">): boolean {
  return op === "preview" && args["generation"] === undefined && args["against"] === undefined;
}

/** An op with its default arguments. If the op can be queued, it waits for a host that is offline or busy. */
export function opStart(op: OpName, args: Record<string, unknown> = {}): OpStart {
  return { op, args, whenBlocked: opDeclaration(op).queueable ? "queue" : "refuse", force: false };
}

/** The op that a host's next action starts. */
export function startOf(next: Extract<NextAction, { kind: "start" }>): OpStart {
  return { op: next.op, args: next.args, whenBlocked: next.whenBlocked, force: false };
}

/** Why an op cannot be started on a host now, because of the role or of the host; undefined: it can. */
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
export function joinNames(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
