import { isTerminal, RunId, type RunSummary, type RunView } from "@nixfleet/protocol";
import { Link, useParams } from "@tanstack/react-router";
import { ClosureChanges } from "../../closure/closure-changes.tsx";
import { Breadcrumb, Crumb } from "../../components/breadcrumb.tsx";
import { MissingPage, PageSkeleton } from "../../components/page-placeholder.tsx";
import { ArmedLine } from "../../deadman/armed-line.tsx";
import { useRun } from "../../live/use-live.ts";
import { LogViewer } from "../../log-viewer/log-viewer.tsx";
import { leadsToChanges } from "../../ops/requests.ts";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { CurrentBuilds } from "./current-builds.tsx";
import { QueuePosition } from "./queue-position.tsx";
import { RunHead } from "./run-head.tsx";
import { RunNotes } from "./run-notes.tsx";
import { RunOutcome } from "./run-outcome.tsx";
import { RunProgress } from "./run-progress.tsx";
import { TestResults } from "./test-results.tsx";

/** One run: what, where, by whom, how far, how it ended, and its log. The same while it is at work and a year later. */
export function RunPage() {
  const { run } = useParams({ from: "/signed-in/runs/$run" });
  // The dashboard would not answer for an invalid id.
  return RunId.safeParse(run).success ? <KnownRun key={run} id={run} /> : <NoRun />;
}

function KnownRun({ id }: { id: string }) {
  const view = useRun(id);
  usePageTitle(view === undefined || view === "gone" ? "Run" : `${view.summary.hostName}: ${view.summary.title}`);
  if (view === undefined) return WAITING;
  if (view === "gone") return <NoRun />;
  const { summary } = view;
  const ended = isTerminal(summary.state);
  const building = !ended && summary.phases.some(({ phase, state }) => phase === "build" && state === "current");
  return (
    <>
      <Breadcrumb>
        <Crumb>
          <Link to="/">Fleet</Link>
        </Crumb>
        <Crumb>
          <Link to="/hosts/$host" params={{ host: summary.hostName }}>
            {summary.hostName}
          </Link>
        </Crumb>
        <Crumb>Run {summary.number}</Crumb>
      </Breadcrumb>
      <RunHead view={view} />
      <RunProgress view={view} />
      {summary.state === "queued" && <QueuePosition run={summary} />}
      {view.armed && !ended && (
        <div className="pb-5">
          <ArmedLine armed={view.armed} />
        </div>
      )}
      {view.outcome && (
        <RunOutcome summary={summary} outcome={view.outcome}>
          {summary.op === "preview" && <SeeChanges view={view} />}
        </RunOutcome>
      )}
      <RunNotes view={view} />
      {building && view.progress && summary.hostId !== null && <CurrentBuilds progress={view.progress} hostId={summary.hostId} />}
      {view.tests.length > 0 && <TestResults results={view.tests} ended={ended} firstError={view.outcome?.firstError ?? null} />}
      {view.diff && <ClosureChanges diff={view.diff} title={diffTitle(summary)} />}
      <LogViewer
        run={summary.id}
        fileName={`run-${summary.number}-${summary.hostName}.log`}
        log={view.log}
        command={view.command}
        live={!ended}
        empty={emptyLog(view)}
      />
    </>
  );
}

/** The link to the full result of a preview. */
function SeeChanges({ view: { summary, args } }: { view: RunView }) {
  const className = "inline-flex items-center font-medium text-accent max-phone:min-h-11";
  const params = { host: summary.hostName };
  return leadsToChanges({ op: summary.op, args }) ? (
    <Link to="/hosts/$host/changes" params={params} className={className}>
      Show changes
    </Link>
  ) : (
    <Link to="/hosts/$host/generations" params={params} search={{ compare: summary.id }} className={className}>
      Show comparison
    </Link>
  );
}

function diffTitle({ op, state }: RunSummary): string {
  if (op === "preview") return "Differences";
  return state === "succeeded" ? "Changes" : "Planned changes";
}

function emptyLog({ summary }: RunView): string {
  if (isTerminal(summary.state)) return "This run has no output.";
  return summary.state === "queued" ? "The log starts when the run starts." : "No output yet.";
}

const WAITING = <PageSkeleton of="the run" bars={["h-6 w-80 max-w-full", "w-96 max-w-full", "mt-10 h-2 w-full", "mt-10 h-60"]} />;

function NoRun() {
  usePageTitle("Run not found");
  return (
    <MissingPage heading="Run" title="Run not found" link={{ to: "/", label: "Back to Fleet" }}>
      The address is wrong, or the run was deleted with its host.
    </MissingPage>
  );
}
