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

/** Order in which compartments get their action: later ones depend on earlier ones. */
export const ACTION_ORDER = ["git", "lock", "system", "agent", "tests"] as const satisfies readonly Compartment[];

export interface ActionContext {
  readonly reachability: Reachability;
  readonly policy: HostPolicy | null;
  /** Why ops that need the target cannot be started, as a sentence; null: the target is known. */
  readonly noTarget: string | null;
  readonly hasClone: boolean;
  /** The run that is starting or running; else the first queued one. */
  readonly run: RunSummary | null;
}

const QUEUED_LABELS: Partial<Record<string, string>> = { "Run tests": "Queue tests" };

/** The one action that helps a host now; null: none helps or is allowed. */
export function nextAction(findings: Findings, context: ActionContext): NextAction | null {
  if (context.run !== null) return { kind: "open-run", label: "Open run", runId: context.run.id };
  if (context.reachability === "never") return null;
  const denied = deniedOps(context);
  for (const compartment of ACTION_ORDER) {
    const { action, answer } = findings[compartment];
    if (action === null || denied[action.op] !== undefined || answer.status === "working") continue;
    const offline = context.reachability !== "online";
    return {
      kind: "start",
      label: offline ? (QUEUED_LABELS[action.label] ?? `Queue ${action.label.toLowerCase()}`) : action.label,
      op: action.op,
      args: { ...action.args },
      whenBlocked: offline ? "queue" : "refuse",
      compartment,
    };
  }
  return null;
}

const REWIND_DENIED = "This host accepts signed commits only, and its configuration does not allow going back (allowRewind).";

/** Ops that cannot be started now, each with the reason as a sentence. Queueable ops are not denied while the host is offline. */
export function deniedOps({ reachability, policy, noTarget, hasClone, run }: ActionContext): Partial<Record<OpName, string>> {
  const reason = (op: OpName): string | null => {
    const { preChecks, queueable } = opDeclaration(op);
    if (policy !== null && !policy.allowedOps.includes(op)) return REFUSALS["op-not-allowed-on-host"].sentence;
    // An old generation may have an old vulnerability: a host that requires signatures and forbids rewinding activates none (R56).
    if (op === "rollback" && policy?.signed === true && !policy.allowRewind) return REWIND_DENIED;
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
