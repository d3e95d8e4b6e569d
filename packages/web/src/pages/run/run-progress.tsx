import { isTerminal, type RunView } from "@nixfleet/protocol";
import { PhaseBar } from "../../components/phase-bar.tsx";
import { phaseSegments } from "../../components/run-phases.ts";
import { formatClock, formatDuration } from "../../format/duration.ts";
import { serverNow, useTimed } from "../../time/clock.ts";
import { headlineOf } from "./run-words.ts";

/** The progress of the run in one line, and its phases with their times. */
export function RunProgress({ view }: { view: Pick<RunView, "summary" | "usualDuration" | "deadlineAt"> }) {
  const { summary } = view;
  const active = !isTerminal(summary.state);
  // Rendered each second while something counts.
  useTimed((now) => (active ? Math.floor(now / 1_000) : 0));
  const now = serverNow();
  const { lead, time, left } = headlineOf(summary, now);
  const segments = phaseSegments(summary, now).map((segment) => {
    const { startedAt } = summary.phases.find(({ phase }) => phase === segment.name) ?? {};
    // The headline has the share; the bar has the duration.
    return segment.state === "current" && startedAt ? { ...segment, note: formatDuration(now - startedAt) } : segment;
  });
  return (
    <section aria-label="Progress" className="border-t border-border pt-4 pb-5 first:border-t-0">
      <div className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <p className="text-lead font-semibold">{lead}</p>
        <p className="text-small text-muted tabular-nums">
          {time}
          {left && (
            <>
              , about <b className="font-semibold text-text">{left}</b> left
            </>
          )}
        </p>
        <span className="flex-1 max-phone:hidden" />
        {view.usualDuration !== null && view.usualDuration >= 1_000 && (
          <p className="text-small text-faint tabular-nums">
            {summary.hostName} usually takes {formatDuration(view.usualDuration)}
          </p>
        )}
      </div>
      {active && summary.slow && (
        <p className="text-small text-attention">
          This run is taking longer than usual.
          {view.deadlineAt !== null && ` It is stopped at ${formatClock(view.deadlineAt, now)}.`}
        </p>
      )}
      {segments.length > 0 && summary.state !== "queued" && (
        <div className="mt-3.5">
          <PhaseBar segments={segments} tall />
        </div>
      )}
    </section>
  );
}
