import type { HostRow, RunSummary } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { ChevronRight, Hourglass } from "lucide-react";
import { Button, buttonClass } from "../../components/button.tsx";
import { classNames } from "../../components/class-names.ts";
import { HostName } from "../../components/host-name.tsx";
import { Icon } from "../../components/icon.tsx";
import { Bar } from "../../components/meter.tsx";
import { PhaseBar } from "../../components/phase-bar.tsx";
import { currentShare, phaseSegments } from "../../components/run-phases.ts";
import { SectionHead } from "../../components/section-head.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { formatAge, formatDuration } from "../../format/duration.ts";
import { useOps } from "../../ops/ops-provider.tsx";
import { serverNow, useTimed } from "../../time/clock.ts";

const MOST = 5;

interface Work {
  readonly run: RunSummary;
  readonly row: HostRow | undefined;
}

/** Runs with their hosts: active before queued, oldest first. */
function workOf(runs: readonly RunSummary[], rows: readonly HostRow[]): readonly Work[] {
  const hosts = new Map<string, HostRow>(rows.map((row) => [row.id, row]));
  return runs
    .toSorted((a, b) => Number(a.state === "queued") - Number(b.state === "queued") || a.createdAt - b.createdAt)
    .map((run) => ({ run, row: run.hostId === null ? undefined : hosts.get(run.hostId) }));
}

/** The active and queued runs with their progress. */
export function ActiveRuns({ runs, rows }: { runs: readonly RunSummary[]; rows: readonly HostRow[] }) {
  const work = workOf(runs, rows);
  if (work.length === 0) return null;
  return (
    <section className="mt-4">
      <SectionHead title="Running now" count={work.length} className="px-5" />
      <ul className="grid grid-cols-[minmax(0,1fr)] gap-4 px-5">
        {work.slice(0, MOST).map(({ run, row }) => (
          <RunLine key={run.id} run={run} row={row} />
        ))}
      </ul>
      {work.length > MOST && <p className="px-5 pt-3 text-small text-muted">and {work.length - MOST} more in the table below</p>}
    </section>
  );
}

function RunLine({ run, row }: Work) {
  const ops = useOps();
  const waits = run.state === "queued";
  return (
    <li>
      <div className="flex items-center gap-3">
        {waits ? <Icon of={Hourglass} size={18} className="text-unknown" /> : <StatusIcon status={run.status} size={18} />}
        <span className="flex w-28 flex-none">
          <HostName name={run.hostName} colour={row?.color} />
        </span>
        <span className="min-w-0 flex-1 truncate">
          <span className="font-medium">{run.title}</span>
          <span className="ml-2 text-muted">{run.sentence}</span>
        </span>
        <Elapsed run={run} />
        <Button
          variant="ghost"
          size="row"
          sent={run.cancelling}
          aria-label={`Cancel ${run.title} on ${run.hostName}`}
          onClick={() => void ops.cancel(run)}
        >
          Cancel
        </Button>
        <Link
          to="/runs/$run"
          params={{ run: run.id }}
          aria-label={`Open run: ${run.title} on ${run.hostName}`}
          className={classNames(buttonClass({ size: "row" }), "w-24")}
        >
          Open run
        </Link>
      </div>
      {!waits && run.phases.length > 0 && (
        <div className="pt-3 pl-[30px]">
          <Phases run={run} />
        </div>
      )}
    </li>
  );
}

/** The bar of a run's phases; a phase without a share shows its running time. */
function Phases({ run }: { run: RunSummary }) {
  const ticks = run.phases.some((phase) => phase.state === "current" && phase.share === null);
  useTimed((now) => (ticks ? Math.floor(now / 1_000) : 0));
  return <PhaseBar segments={phaseSegments(run, serverNow())} />;
}

function Elapsed({ run }: { run: RunSummary }) {
  const text = useTimed((now) =>
    run.startedAt === null ? `for ${formatAge(now - run.createdAt)}` : formatDuration(now - run.startedAt),
  );
  return (
    <span className="flex-none text-right text-label whitespace-nowrap text-muted tabular-nums">
      {run.linkLost ? "connection lost, still running" : text}
      {run.remaining !== null && run.remaining >= 1_000 && `, about ${formatAge(run.remaining)} left`}
    </span>
  );
}

/** The same on a phone: one line each, which leads to the run. */
export function ActiveRunCards({ runs, rows }: { runs: readonly RunSummary[]; rows: readonly HostRow[] }) {
  const work = workOf(runs, rows);
  if (work.length === 0) return null;
  return (
    <ul className="mb-3 overflow-hidden rounded-l border border-border bg-surface">
      {work.slice(0, MOST).map(({ run }) => (
        <li key={run.id} className="border-b border-border last:border-b-0">
          <Link to="/runs/$run" params={{ run: run.id }} className="flex min-h-12 items-center gap-3 py-2.5 pr-2.5 pl-3.5">
            {run.state === "queued" ? (
              <Icon of={Hourglass} size={18} className="text-unknown" />
            ) : (
              <StatusIcon status={run.status} size={18} />
            )}
            <span className="min-w-0 flex-1">
              <span className="flex items-center gap-2 text-small">
                <b className="truncate">{run.hostName}</b>
                <span className={classNames("min-w-0 flex-1 truncate", run.status === "working" && "text-working")}>
                  {run.word}
                </span>
                <span className="whitespace-nowrap text-muted">
                  {run.remaining !== null && run.remaining >= 1_000 && `about ${formatAge(run.remaining)} left`}
                </span>
              </span>
              {currentShare(run) !== undefined && <Bar share={currentShare(run)} tone="working" className="mt-1.5 h-1" />}
            </span>
            <Icon of={ChevronRight} size={16} className="text-faint" />
          </Link>
        </li>
      ))}
    </ul>
  );
}
