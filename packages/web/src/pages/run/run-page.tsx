import { isTerminal, RunId, type RunView } from "@nixfleet/protocol";
import { Link, useParams } from "@tanstack/react-router";
import { Breadcrumb, Crumb } from "../../components/breadcrumb.tsx";
import { NoPage, PageWaits } from "../../components/page-stand-in.tsx";
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

const WAITING = <PageWaits of="The run" bars={["h-6 w-80 max-w-full", "w-96 max-w-full", "mt-10 h-2 w-full", "mt-10 h-60"]} />;

function NoRun() {
  usePageTitle("No such run");
  return (
    <NoPage heading="Run" title="There is no such run" way={{ to: "/", label: "To the fleet" }}>
      The address is wrong, or the run went with its host when that was removed.
    </NoPage>
  );
}
