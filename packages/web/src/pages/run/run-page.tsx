import { isTerminal, RunId, type RunView } from "@nixfleet/protocol";
import { Link, useParams } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import { Breadcrumb, Crumb } from "../../components/breadcrumb.tsx";
import { buttonClass } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { useRun } from "../../live/use-live.ts";
import { LogViewer } from "../../log-viewer/log-viewer.tsx";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { BuildingNow } from "./building-now.tsx";
import { ClosureChanges } from "./closure-changes.tsx";
import { RunHead } from "./run-head.tsx";
import { RunNotes } from "./run-notes.tsx";
import { RunOutcome } from "./run-outcome.tsx";
import { RunProgress } from "./run-progress.tsx";
import { TestResults } from "./test-results.tsx";
import { WaitsBehind } from "./waits-behind.tsx";

/** One run: what, where, by whom, how far, how it ended, and its log. The same while it is at work and a year later. */
export function RunPage() {
  const { run } = useParams({ from: "/signed-in/runs/$run" });
  // What is no id at all would never be answered.
  return RunId.safeParse(run).success ? <KnownRun key={run} id={run} /> : <NoRun />;
}

function KnownRun({ id }: { id: string }) {
  const view = useRun(id);
  usePageTitle(view === undefined || view === "gone" ? "Run" : `${view.summary.hostName}: ${view.summary.title}`);
  if (view === undefined) return <Waiting />;
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
      {summary.state === "queued" && <WaitsBehind run={summary} />}
      {view.outcome && <RunOutcome summary={summary} outcome={view.outcome} />}
      <RunNotes view={view} />
      {building && view.progress && <BuildingNow progress={view.progress} hostId={summary.hostId} />}
      {view.tests.length > 0 && <TestResults results={view.tests} ended={ended} />}
      {view.diff && <ClosureChanges diff={view.diff} done={summary.state === "succeeded"} />}
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

function emptyLog({ summary }: RunView): string {
  if (isTerminal(summary.state)) return "This run wrote nothing.";
  return summary.state === "queued" ? "The log begins when the run does." : "Nothing was written yet.";
}

function NoRun() {
  usePageTitle("No such run");
  return (
    <div className="mx-auto max-w-[560px] pt-16">
      <h1 className="sr-only">Run</h1>
      <EmptyState
        icon={SearchX}
        title="There is no such run"
        action={
          <Link to="/" className={buttonClass()}>
            To the fleet
          </Link>
        }
      >
        The address is wrong, or the run went with its host when that was removed.
      </EmptyState>
    </div>
  );
}

function Waiting() {
  return (
    <div role="status" aria-label="The run is being read" className="grid gap-5 pt-14">
      <Skeleton className="h-6 w-80 max-w-full" />
      <Skeleton className="w-96 max-w-full" />
      <Skeleton className="mt-10 h-2 w-full" />
      <Skeleton className="mt-10 h-60" />
    </div>
  );
}
