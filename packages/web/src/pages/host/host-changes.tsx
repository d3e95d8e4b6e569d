import { type ChangesView, deployedClosure, type HostView, isTerminal, type RunSummary } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { GitCompareArrows } from "lucide-react";
import { PackageList } from "../../closure/package-list.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { SkeletonRows } from "../../components/skeleton.tsx";
import { StatusLine } from "../../components/status-line.tsx";
import { useHostChanges, useRun } from "../../live/use-live.ts";
import { NextButton } from "../../ops/next-button.tsx";
import { CurrentBuilds } from "../run/current-builds.tsx";
import { QueuePosition } from "../run/queue-position.tsx";
import { RunOutcome } from "../run/run-outcome.tsx";
import { RunProgress } from "../run/run-progress.tsx";
import { ChangesFoot } from "./changes-foot.tsx";
import { ChangesHead } from "./changes-head.tsx";
import { ChangesSide } from "./changes-side.tsx";
import { useThisHost } from "./host-frame.tsx";
import { WaysIn } from "./ways-in.tsx";

/** The changes of a switch on this host, from its last preview, and an active preview. */
export function HostChanges() {
  const view = useThisHost();
  const changes = useHostChanges(view.row.id);
  if (changes === undefined) return <SkeletonRows rows={6} label="Loading changes" />;
  if (changes.run === null) return <NoPreview view={view} changes={changes} />;
  return (
    <div>
      <PreviewRun run={changes.run} />
      {changes.preview !== null && <Previewed view={view} changes={changes} preview={changes.preview} />}
    </div>
  );
}

function NoPreview({ view, changes }: { view: HostView; changes: ChangesView }) {
  return (
    <div className="pt-6">
      <EmptyState
        icon={GitCompareArrows}
        title={`See what a switch would change on ${view.row.name}`}
        action={<NextButton row={view.row} next={changes.action} size="normal" variant="ink" />}
      >
        {changes.sentence}
      </EmptyState>
    </div>
  );
}

/** The preview while it is active or queued, and its outcome if it failed. */
function PreviewRun({ run }: { run: RunSummary }) {
  if (run.state === "succeeded") return null;
  if (isTerminal(run.state)) return <FailedPreview key={run.id} run={run} />;
  return <PreviewAtWork key={run.id} run={run} />;
}

function PreviewAtWork({ run }: { run: RunSummary }) {
  const whole = useRun(run.id);
  const view = whole === "gone" ? undefined : whole;
  const building = run.phases.some(({ phase, state }) => phase === "build" && state === "current");
  return (
    <section aria-label="Preview in progress">
      <RunProgress view={view ?? { summary: run, usualDuration: null, deadlineAt: null }} />
      {run.state === "queued" ? (
        <QueuePosition run={run} />
      ) : (
        <p className="flex flex-wrap items-center gap-x-3 pb-5 text-small text-muted">
          {run.sentence}
          <Link
            to="/runs/$run"
            params={{ run: run.id }}
            className="inline-flex items-center font-medium text-accent max-phone:min-h-11"
          >
            Follow the log
          </Link>
        </p>
      )}
      {building && view?.progress && run.hostId !== null && <CurrentBuilds progress={view.progress} hostId={run.hostId} />}
    </section>
  );
}

function FailedPreview({ run }: { run: RunSummary }) {
  const view = useRun(run.id);
  if (view === undefined || view === "gone" || view.outcome === null)
    return <SkeletonRows rows={2} label="Loading the preview" />;
  return (
    <div className="pt-5">
      <RunOutcome summary={view.summary} outcome={view.outcome} elsewhere />
    </div>
  );
}

/** The result of the last preview that succeeded. */
function Previewed({
  view,
  changes,
  preview,
}: {
  view: HostView;
  changes: ChangesView;
  preview: NonNullable<ChangesView["preview"]>;
}) {
  const { diff, standing, action } = changes;
  const runs = view.facts.running !== undefined && deployedClosure(view.facts.running) === preview.closure;
  const denied = view.row.deniedOps.switch;
  return (
    <div className="border-t border-border first:border-t-0">
      <ChangesHead view={view} changes={changes} preview={preview} />
      {standing === "fresh" && !runs && action === null && denied !== undefined && (
        <StatusLine status="attention" className="border-b border-border py-3">
          You cannot switch to it. {denied}
        </StatusLine>
      )}
      {!runs && <WaysIn preview={preview} host={view.row.name} />}
      {preview.closure !== preview.against && (
        <div className="grid grid-cols-[minmax(0,1fr)_320px] gap-10 border-b border-border pt-4 pb-6 max-desk:grid-cols-1 max-desk:gap-6">
          <div className="min-w-0">
            {diff === null ? (
              <p className="text-small text-muted">The host did not report package differences.</p>
            ) : (
              <PackageList diff={diff} />
            )}
          </div>
          <ChangesSide view={view} changes={changes} preview={preview} />
        </div>
      )}
      <ChangesFoot
        closure={preview.closure}
        switches={action?.kind === "start" && action.op === "switch" ? action.label : null}
      />
    </div>
  );
}
