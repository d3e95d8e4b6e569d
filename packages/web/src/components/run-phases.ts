import { PHASE_LABELS, type PhaseView, type RunSummary } from "@nixfleet/protocol";
import { formatDuration, formatEstimate } from "../format/duration.ts";
import { formatPercent } from "../format/quantity.ts";
import type { PhaseSegment } from "./phase-bar.tsx";

/**
 * The phases of a run for a phase bar: finished ones with their time, the current one with its share, the others with an estimate. A
 * phase in which the host refused the run is not called failed.
 */
export function phaseSegments({ phases, state }: Pick<RunSummary, "phases" | "state">, now: number): readonly PhaseSegment[] {
  return phases.map((phase) => {
    const refused = state === "refused" && phase.state === "failed";
    return {
      name: phase.phase,
      label: PHASE_LABELS[phase.phase],
      state: refused ? "refused" : phase.state,
      weight: weightOf(phase),
      share: phase.share ?? undefined,
      note: refused ? "refused" : noteOf(phase, now),
    };
  });
}

/** Between the width that the time asks for and one for all: a build of minutes must leave a phase of seconds readable. */
function weightOf(phase: PhaseView): number {
  const taken = phase.startedAt !== null && phase.endedAt !== null ? phase.endedAt - phase.startedAt : null;
  const time = phase.estimate ?? taken ?? 1_000;
  return Math.max(2, Math.sqrt(time / 1_000));
}

function noteOf(phase: PhaseView, now: number): string {
  switch (phase.state) {
    case "failed":
    case "skipped":
      return phase.state;
    case "to-come":
      return phase.estimate === null ? "" : formatEstimate(phase.estimate);
    case "done":
      return phase.startedAt === null || phase.endedAt === null ? "" : formatDuration(phase.endedAt - phase.startedAt);
    case "current":
      if (phase.share !== null) return formatPercent(phase.share);
      return phase.startedAt === null ? "" : formatDuration(now - phase.startedAt);
  }
}

/** The done share of the current phase; undefined when unknown. */
export function currentShare(run: RunSummary): number | undefined {
  return run.phases.find((phase) => phase.state === "current")?.share ?? undefined;
}
