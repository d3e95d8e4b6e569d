import { type OpDeclaration, type OpName, opDeclaration } from "./ops.ts";
import { REFUSALS, type SkippableRefusal } from "./refusals.ts";

/** Whether an op performs the check behind a refusal. A new skippable refusal does not compile until it is listed here. */
const IS_CHECKED = {
  "already-current": ({ postCheck }) => postCheck === "system-is-closure",
  "not-fast-forward": ({ phases }) => phases.includes("verify") && phases.includes("activate"),
  "agent-missing": ({ phases }) => phases.includes("activate"),
  "would-lock-out": ({ phases }) => phases.includes("activate"),
} as const satisfies Record<SkippableRefusal, (op: OpDeclaration) => boolean>;

/** Whether a host can be out of reach once a check was skipped. */
const CUTS_OFF = {
  "already-current": false,
  "not-fast-forward": false,
  "agent-missing": true,
  "would-lock-out": true,
} as const satisfies Record<SkippableRefusal, boolean>;

export interface SkippedCheck {
  readonly refusal: SkippableRefusal;
  /** The check's name. */
  readonly check: string;
  /** What can happen without it, as a sentence. */
  readonly effect: string;
}

/** The checks that `force` skips for an op, by the dashboard before it starts and by the agent while it runs. Empty: it changes nothing. */
export function skippedByForce(op: OpName): readonly SkippedCheck[] {
  const declaration = opDeclaration(op);
  return (Object.keys(IS_CHECKED) as SkippableRefusal[])
    .filter((refusal) => IS_CHECKED[refusal](declaration))
    .map((refusal) => ({ refusal, ...REFUSALS[refusal].skipped }));
}

/** Whether forcing a run past a refusal can put its host out of reach: whoever does so agrees to it by name, each time. */
export function canCutOff(refusal: string): boolean {
  return Object.hasOwn(CUTS_OFF, refusal) && CUTS_OFF[refusal as SkippableRefusal];
}

/** Whether `force` skips the check that refused a run of an op. */
export function canForce(op: OpName, refusal: string): boolean {
  return skippedByForce(op).some((skipped) => skipped.refusal === refusal);
}
