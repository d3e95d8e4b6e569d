import { FAILURES, type HostView } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { CodeBlock } from "../../components/code-block.tsx";
import { ProblemNotice } from "../../components/problem-notice.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { SectionHead } from "../../components/section-head.tsx";
import { ArmedLine } from "../../deadman/armed-line.tsx";
import { useHostRuns } from "../../live/use-live.ts";
import { plainLine } from "../../log-viewer/ansi.ts";
import { DayMeters } from "./day-meters.tsx";
import { useThisHost } from "./host-frame.tsx";
import { HostSide } from "./host-side.tsx";
import { RunTable } from "./run-table.tsx";
import { StatusList } from "./status-list.tsx";

const RECENT = 5;

/** The overview: problems, status, recent runs and facts. */
export function HostOverview() {
  const view = useThisHost();
  const { row } = view;
  const runs = useHostRuns(row.id);
  const recent =
    runs === undefined || runs === "gone" ? undefined : runs.toSorted((a, b) => b.number - a.number).slice(0, RECENT);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_320px] gap-10 pt-5 max-desk:grid-cols-1">
      <div className="min-w-0">
        <Notices view={view} />
        <SectionHead title="Status" className="-mt-1" />
        <StatusList row={row} />
        <DayMeters view={view} />
        <SectionHead
          title="Recent runs"
          className="mt-4"
          end={
            <Link
              to="/hosts/$host/runs"
              params={{ host: row.name }}
              className="inline-flex items-center text-small text-muted hover:text-text max-phone:min-h-11"
            >
              All runs
            </Link>
          }
        />
        {recent?.length === 0 ? (
          <p className="border-t border-border py-3 text-small text-muted">No runs on this host yet.</p>
        ) : (
          recent && <RunTable runs={recent} label="Recent runs" />
        )}
      </div>
      <HostSide view={view} />
    </div>
  );
}

/** A switch that waits for its confirmation, or that goes back for want of one. */
function Armed({
  deadman: { runId, until, back },
  generations,
}: {
  deadman: NonNullable<HostView["facts"]["deadman"]>;
  generations: HostView["facts"]["generations"];
}) {
  const known = generations?.find(({ closure }) => closure === back);
  return (
    <ArmedLine armed={{ until, back: known ? `generation ${known.number}` : back }}>
      <Link
        to="/runs/$run"
        params={{ run: runId }}
        className="inline-flex items-center text-small font-medium whitespace-nowrap text-accent max-phone:min-h-11"
      >
        Open run
      </Link>
    </ArmedLine>
  );
}

/** The problems of the host, the last failed switch first. */
function Notices({ view }: { view: HostView }) {
  const { row, failure, failureLog, facts, lastRefusedLink } = view;
  const problems = facts.problems ?? [];
  return (
    <div className="mb-5 grid gap-4 empty:hidden">
      {facts.deadman && <Armed deadman={facts.deadman} generations={facts.generations} />}
      {failure && (
        <ProblemNotice
          title={failure.sentence}
          aside={
            <>
              <RelativeTime at={failure.endedAt ?? failure.createdAt} />, by {failure.by}
            </>
          }
          next={row.compartments.system.sentence}
          actions={
            <Link
              to="/runs/$run"
              params={{ run: failure.id }}
              className="inline-flex items-center font-medium text-accent max-phone:min-h-11"
            >
              Open run
            </Link>
          }
        >
          {failureLog.length > 0 && (
            <CodeBlock label="Around the first error" small>
              {failureLog.map((line) => (
                <span
                  key={line.n}
                  className={
                    line.level === "error" ? "block text-broken" : line.level === "warning" ? "block text-attention" : "block"
                  }
                >
                  {plainLine(line.text)}
                </span>
              ))}
            </CodeBlock>
          )}
        </ProblemNotice>
      )}
      {row.conflict && <ProblemNotice title="Another machine is using this host’s token" next={row.conflict} />}
      {problems.map((problem) => (
        <ProblemNotice
          key={`${problem.code} ${problem.at}`}
          title={FAILURES[problem.code].sentence}
          aside={<RelativeTime at={problem.at} />}
          next={FAILURES[problem.code].next}
        >
          <p className="text-small wrap-anywhere">{problem.message}</p>
        </ProblemNotice>
      ))}
      {lastRefusedLink && row.reachability.state !== "online" && (
        <ProblemNotice
          title="Its last connection was refused"
          aside={<RelativeTime at={lastRefusedLink.at} />}
          next={lastRefusedLink.reason}
        />
      )}
    </div>
  );
}
