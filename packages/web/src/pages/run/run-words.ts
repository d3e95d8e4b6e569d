import { isTerminal, PHASE_LABELS, type RunSummary } from "@nixfleet/protocol";
import { formatAge, formatDuration } from "../../format/duration.ts";
import { formatPercent } from "../../format/quantity.ts";

/** The headline of a run: `Build, 61 %`, and beside it `3 min 12 s so far`, `2 min` left. */
export interface Headline {
  readonly lead: string;
  readonly time: string;
  /** The estimated time left; null: unknown, or the run has ended. */
  readonly left: string | null;
}

type HeadlineRun = Pick<
  RunSummary,
  "state" | "word" | "phases" | "createdAt" | "startedAt" | "endedAt" | "remaining" | "cancelling"
>;

export function headlineOf(run: HeadlineRun, now: number): Headline {
  const { state, startedAt, endedAt } = run;
  if (isTerminal(state)) {
    const broken = run.phases.find((phase) => phase.state === "failed");
    // The bar shows where it failed; it was rolled back as a whole, in no phase.
    const where = broken === undefined || state === "rolled-back" ? "" : ` in ${PHASE_LABELS[broken.phase]}`;
    const time =
      startedAt === null || endedAt === null ? "" : `${state === "succeeded" ? "in" : "after"} ${took(startedAt, endedAt)}`;
    return { lead: `${capital(run.word)}${where}`, time, left: null };
  }
  if (state === "queued") return { lead: "Queued", time: `for ${formatAge(now - run.createdAt)}`, left: null };
  if (state === "starting" || startedAt === null) {
    return { lead: "Starting", time: `${formatDuration(now - run.createdAt)} so far`, left: null };
  }
  const current = run.phases.find((phase) => phase.state === "current");
  const phase = current === undefined ? "Running" : PHASE_LABELS[current.phase];
  const share = current?.share ?? null;
  return {
    lead: run.cancelling ? "Cancelling" : share === null ? phase : `${phase}, ${formatPercent(share)}`,
    time: `${formatDuration(now - startedAt)} so far`,
    left: run.cancelling || run.remaining === null ? null : formatAge(run.remaining),
  };
}

/** Less than a second is a time, too. */
function took(from: number, to: number): string {
  return to - from < 1_000 ? "less than a second" : formatDuration(to - from);
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** A run's title in pieces, those that are commits apart: they are set as code. */
export function titleParts(title: string): readonly { text: string; code: boolean }[] {
  return title
    .split(/\b([0-9a-f]{7,64})\b/)
    .map((text, index) => ({ text, code: index % 2 === 1 }))
    .filter((part) => part.text !== "");
}
