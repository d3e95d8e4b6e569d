import type { RunOutcomeView, RunSummary } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { CodeBlock } from "../../components/code-block.tsx";
import { ProblemNotice } from "../../components/problem-notice.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { plainLine } from "../../log-viewer/ansi.ts";

/** How a run ended, in one sentence; a failure also with the tool's first error and the next step. */
export function RunOutcome({
  summary,
  outcome,
  elsewhere = false,
  children,
}: {
  summary: RunSummary;
  outcome: RunOutcomeView;
  /** Shown on another page than the run's own, with a link there. */
  elsewhere?: boolean;
  /** Links to its results. */
  children?: ReactNode;
}) {
  const when = summary.endedAt === null ? undefined : <RelativeTime at={summary.endedAt} />;
  if (summary.state === "succeeded") {
    return (
      <div className="flex flex-wrap items-center gap-2 pb-5">
        <StatusIcon status={summary.status} size={18} />
        <p>{outcome.sentence}</p>
        {children}
        <span className="flex-1" />
        <span className="text-label text-faint">{when}</span>
      </div>
    );
  }
  const line = outcome.firstErrorLine;
  return (
    <div className="pb-5">
      <ProblemNotice
        status={summary.status}
        title={outcome.sentence}
        aside={when}
        next={outcome.next}
        actions={
          (line !== null || elsewhere) && (
            <Link
              to="/runs/$run"
              params={{ run: summary.id }}
              {...(line !== null && { hash: `L${line}` })}
              resetScroll={elsewhere}
              hashScrollIntoView={false}
              className="inline-flex items-center font-medium text-accent max-phone:min-h-11"
            >
              {line === null ? "Open run" : `Show line ${line} of the log`}
            </Link>
          )
        }
      >
        {summary.state === "rolled-back" && <p className="text-small">{summary.sentence}</p>}
        {summary.state !== "rolled-back" && outcome.reason && outcome.reason !== outcome.sentence && (
          <p className="text-small text-muted">{outcome.reason}</p>
        )}
        {outcome.firstError && (
          <CodeBlock label="First error" small>
            <span className="text-broken">{plainLine(outcome.firstError)}</span>
          </CodeBlock>
        )}
      </ProblemNotice>
    </div>
  );
}
