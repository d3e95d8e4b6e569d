import type { RunOutcomeView, RunSummary } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { CodeBlock } from "../../components/code-block.tsx";
import { ProblemNotice } from "../../components/problem-notice.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { plainLine } from "../../log-viewer/ansi.ts";

/** How a run ended: in one sentence, with the tool's own first words and the next step where it did not end well. */
export function RunOutcome({ summary, outcome }: { summary: RunSummary; outcome: RunOutcomeView }) {
  const when = summary.endedAt === null ? undefined : <RelativeTime at={summary.endedAt} />;
  if (summary.state === "succeeded") {
    return (
      <p className="flex items-center gap-2 pb-5">
        <StatusIcon status={summary.status} size={18} />
        <span className="min-w-0 flex-1">{outcome.sentence}</span>
        <span className="text-label text-faint">{when}</span>
      </p>
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
          line !== null && (
            <Link
              to="."
              search={true}
              hash={`L${line}`}
              resetScroll={false}
              hashScrollIntoView={false}
              className="inline-flex items-center font-medium text-accent max-phone:min-h-11"
            >
              See it in the log, line {line}
            </Link>
          )
        }
      >
        {outcome.reason && outcome.reason !== outcome.sentence && <p className="text-small text-muted">{outcome.reason}</p>}
        {outcome.firstError && (
          <CodeBlock label="First error" small>
            <span className="text-broken">{plainLine(outcome.firstError)}</span>
          </CodeBlock>
        )}
      </ProblemNotice>
    </div>
  );
}
