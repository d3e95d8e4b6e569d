import {
  type Compartment,
  type HostPolicy,
  type NextAction,
  type OPS,
  OpName,
  opDeclaration,
  REFUSALS,
  type Reachability,
  type RunSummary,
} from "@nixfleet/protocol";
import type { Findings } from "./compartments.ts";

/** In this order compartments are helped: what comes first is what the ones behind it wait for. */
export const HELP_ORDER = ["git", "lock", "system", "agent", "tests"] as const satisfies readonly Compartment[];

export interface Circumstances {
  readonly reachability: Reachability;
  readonly policy: HostPolicy | null;
  /** Why ops that go to the target cannot be started, as a sentence; null: the target is known. */
  readonly noTarget: string | null;
  readonly hasClone: boolean;
  /** The run that is starting or running; else the first that waits. */
  readonly run: RunSummary | null;
}

const QUEUED_LABELS: Partial<Record<string, string>> = { "Run tests": "Queue tests" };

/** The one action that helps a host now; null: none does, or none is allowed. */
export function nextAction(findings: Findings, around: Circumstances): NextAction | null {
  if (around.run !== null) return { kind: "open-run", label: "Open run", runId: around.run.id };
  if (around.reachability === "never") return null;
  const denied = deniedOps(around);
  for (const compartment of HELP_ORDER) {
    const { help, answer } = findings[compartment];
    if (help === null || denied[help.op] !== undefined || answer.status === "working") continue;
    const waits = around.reachability !== "online";
    return {
      kind: "start",
      label: waits ? (QUEUED_LABELS[help.label] ?? `Queue ${help.label.toLowerCase()}`) : help.label,
      op: help.op,
      args: { ...help.args },
      whenBlocked: waits ? "queue" : "refuse",
      compartment,
    };
  }
  return null;
}

const NO_WAY_BACK = "This host takes signed commits only, and its own configuration does not let it go back (allowRewind).";

/** Ops that cannot be started now, each with the reason as a sentence. What may wait for the host is not denied for its absence. */
export function deniedOps({ reachability, policy, noTarget, hasClone, run }: Circumstances): Partial<Record<OpName, string>> {
  const reason = (op: OpName): string | null => {
    const { preChecks, queueable } = opDeclaration(op);
    if (policy !== null && !policy.allowedOps.includes(op)) return REFUSALS["op-not-allowed-on-host"].sentence;
    // An old generation may have an old hole: a host that trusts signatures only, and is told not to rewind, activates none (R56).
    if (op === "rollback" && policy?.signed === true && !policy.allowRewind) return NO_WAY_BACK;
    if (noTarget !== null && preChecks.includes("target-known")) return noTarget;
    if (op === "test" && !hasClone && policy !== null) return REFUSALS["no-clone"].sentence;
    if (!queueable && reachability !== "online") return REFUSALS["host-offline"].sentence;
    if (!queueable && run !== null) return REFUSALS["host-busy"].sentence;
    return null;
  };
  return Object.fromEntries(
    OpName.options.flatMap((op) => {
      const why = reason(op);
      return why === null ? [] : [[op, why]];
    }),
  ) as Partial<Record<keyof typeof OPS, string>>;
}
