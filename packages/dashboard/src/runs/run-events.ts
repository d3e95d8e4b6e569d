import type { Outcome, RunEvent } from "@nixfleet/protocol";
import type { KnownFacts } from "../hosts/index.ts";
import { postCheck } from "./post-check.ts";
import type { ProvingRun, RunningRun, StartingRun } from "./run.ts";
import { type AdvanceResult, changed, end, hostTime, NO_OUTCOME, unchanged } from "./transition.ts";

/** How long to wait for facts after a successful run that did not bring them, in milliseconds. */
export const PROOF_LIMIT = 60_000;
/** More than any op has; of more, the last ones are kept. */
const MAX_PHASES = 50;

/** What an event that the host has told does to the state. `before`: the run before this event turned it into a running one. */
export function onEvent(
  run: RunningRun,
  before: StartingRun | RunningRun,
  event: RunEvent,
  facts: KnownFacts,
  now: number,
): AdvanceResult {
  switch (event.kind) {
    case "phase": {
      const at = hostTime(run, event.at, now);
      const earlier = run.phases.map((phase) => (phase.endedAt === null ? { ...phase, endedAt: at } : phase));
      return changed({ ...run, phases: [...earlier, { phase: event.phase, startedAt: at, endedAt: null }].slice(-MAX_PHASES) });
    }
    case "armed":
      return changed({ ...run, armed: { until: event.until, back: event.back } });
    case "deployed": {
      const { closure, commit, mode } = event.deployment;
      // Sent only once the activation is confirmed, or needs no confirmation (E13).
      return changed({ ...run, deployed: { closure, commit, mode }, armed: null });
    }
    case "finished":
      return onFinished(run, before, { outcome: event.outcome, at: event.at, readAt: event.proof?.readAt ?? null }, facts, now);
    case "started":
    case "command":
    case "log":
    case "progress":
    case "diff":
    case "preview":
    case "testResult":
    case "warning":
    case "restart":
      // Stored apart from the state; for the state they only mean that the run is active.
      return changed(run);
  }
}

/** How a run ended on its host. `at`: by the host's clock. `readAt`: when the facts were read that came with it. */
export interface ReportedEnd {
  readonly outcome: Outcome;
  readonly at: number;
  readonly readAt: number | null;
}

/** Ends a run as its host says it ended; a success is held against the facts. `before` as in `onEvent`. */
export function onFinished(
  run: RunningRun,
  before: StartingRun | RunningRun,
  { outcome, at, readAt }: ReportedEnd,
  facts: KnownFacts,
  now: number,
): AdvanceResult {
  const endedAt = hostTime(run, at, now);
  switch (outcome.state) {
    case "succeeded": {
      // The proof was read after the work and before this event was written, whichever clock reading is later.
      const since = Math.min(at, readAt ?? at);
      const awaitedProof = { hostTime: since, endedAt, until: now + PROOF_LIMIT, reason: outcome.reason ?? null };
      // A run that ends with its first event passes through running in no time.
      return prove({ ...run, stage: "proving", awaitedProof }, facts, now);
    }
    case "failed":
    case "rolled-back":
    case "timed-out": {
      const { code, reason, firstError = null, firstErrorLine } = outcome;
      const line = firstErrorLine === undefined ? {} : { firstErrorLine };
      const back = outcome.state === "rolled-back" ? { back: run.armed?.back ?? null } : {};
      return end(before, outcome.state, { code, reason, firstError, ...line, reported: true, ...back }, endedAt);
    }
    case "cancelled":
      return end(
        before,
        "cancelled",
        { ...NO_OUTCOME, code: "cancelled-by-person", reason: outcome.reason, reported: true },
        endedAt,
      );
    case "refused":
      return end(before, "refused", { ...NO_OUTCOME, code: outcome.code, reason: outcome.reason, reported: true }, endedAt);
  }
}

/** Ends a run that waits for its proof, if these facts are one or refute it. */
export function prove(run: ProvingRun, facts: KnownFacts, now: number): AdvanceResult {
  const { reason, endedAt, hostTime: since, until } = run.awaitedProof;
  const check = postCheck(run, facts, since);
  switch (check.kind) {
    case "met":
      return end(run, "succeeded", { ...NO_OUTCOME, reason, reported: true }, endedAt);
    case "missed":
      return end(run, "failed", { code: "post-check-failed", reason: check.reason, firstError: null, reported: true }, endedAt);
    case "unknown":
      return now < until ? unchanged(run) : endUnproven(run);
  }
}

/** Ends a run whose proof did not come. */
export function endUnproven(run: ProvingRun): AdvanceResult {
  const { endedAt, hostTime: since } = run.awaitedProof;
  const check = postCheck(run, {}, since);
  const reason = check.kind === "met" ? null : check.reason;
  return end(run, "failed", { code: "post-check-failed", reason, firstError: null, reported: true }, endedAt);
}
