import { Compartment, type HostRow, shortCommit } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";
import { memo } from "react";
import { Checkbox } from "../../components/checkbox.tsx";
import { classNames } from "../../components/class-names.ts";
import { CompartmentPill } from "../../components/compartment-pill.tsx";
import { HostName } from "../../components/host-name.tsx";
import { Bar } from "../../components/meter.tsx";
import { Reachability } from "../../components/reachability.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { currentShare } from "../../components/run-phases.ts";
import { StatusIcon } from "../../components/status-icon.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { Tag } from "../../components/tag.tsx";
import { formatAge } from "../../format/duration.ts";
import { formatLoad, formatPercent } from "../../format/quantity.ts";
import { useMeasured } from "../../live/use-live.ts";
import { NextButton } from "../../ops/next-button.tsx";
import { RowMenuButton } from "../../ops/row-menu.tsx";
import { PLATFORM_SHORT } from "./platform-short.ts";

/** One host on a phone: everything that the table has. `selecting`: cards have boxes now. */
export const HostCard = memo(function HostCard({
  row,
  selected,
  selecting,
  onSelect,
}: {
  row: HostRow;
  selected: boolean;
  selecting: boolean;
  onSelect: (row: HostRow, range: boolean) => void;
}) {
  const away = row.reachability.state !== "online";
  const { run } = row;
  return (
    <div className={classNames("border-b border-border py-2 pr-2 pl-4", selected && "bg-accent-soft")}>
      <div className="flex h-11 items-center gap-2">
        {selecting ? (
          <span className="-ml-3">
            <Checkbox label={`Select ${row.name}`} checked={selected} onChange={() => onSelect(row, false)} />
          </span>
        ) : (
          <StatusIcon status={row.status} size={18} />
        )}
        <Link to="/hosts/$host" params={{ host: row.name }} className="inline-flex min-h-11 min-w-0 items-center gap-2">
          <HostName name={row.name} colour={row.color} away={away} size="card" />
          <span className="min-w-0 shrink-[9] truncate text-label text-faint">{PLATFORM_SHORT[row.platform]}</span>
        </Link>
        <span className="flex-1" />
        <NextButton row={row} size="normal" />
        <RowMenuButton row={row} size="normal" />
      </div>
      {run ? (
        <div className="grid gap-1.5 pr-2 pb-2">
          <div className="flex items-center gap-2 text-small">
            {run.state === "queued" ? (
              <StatusPill status="unknown" icon={Hourglass} hang>
                {run.word}: {run.title}
              </StatusPill>
            ) : (
              <span className="font-medium text-working">{run.word}</span>
            )}
            <span className="min-w-0 flex-1 truncate text-right text-muted">
              {run.remaining === null ? run.sentence : `about ${formatAge(run.remaining)} left`}
            </span>
          </div>
          {currentShare(run) !== undefined && (
            <Bar share={currentShare(run)} tone="working" label={`${run.title} on ${row.name}`} className="h-1.5" />
          )}
        </div>
      ) : (
        row.cause && (
          <p className="pr-2 pb-1.5 text-small text-muted wrap-anywhere">
            {row.cause.lead}
            {row.cause.detail && `: ${row.cause.detail}`}
          </p>
        )
      )}
      <div className="-ml-1.5 flex flex-wrap gap-x-0.5 gap-y-1 pr-2 pb-2">
        {Compartment.options.map((compartment) => (
          <CompartmentPill
            key={compartment}
            compartment={compartment}
            {...row.compartments[compartment]}
            sentence={undefined}
            named
          />
        ))}
      </div>
      <div className="flex min-h-5 items-center gap-2.5 pr-2 text-label whitespace-nowrap text-muted">
        {row.runs.commit && <code className="text-text">{shortCommit(row.runs.commit)}</code>}
        {row.runs.specialisation !== null && <span className="min-w-0 truncate">{row.runs.specialisation}</span>}
        {row.runs.since !== null && <RelativeTime at={row.runs.since} form="old" />}
        {row.runs.generation !== null && <span>generation {row.runs.generation}</span>}
        <span className="flex-1" />
        <Reachability state={row.reachability.state} since={row.reachability.since ?? undefined} />
      </div>
      <div className="mt-1.5 flex min-h-5 items-center gap-2.5 pr-2 text-label whitespace-nowrap text-muted">
        <span className="flex min-w-0 flex-1 flex-wrap gap-1">
          {row.tags.map((tag) => (
            <Tag key={tag}>{tag}</Tag>
          ))}
        </span>
        <Measured row={row} />
      </div>
    </div>
  );
});

function Measured({ row }: { row: HostRow }) {
  const { load, memory } = useMeasured(row);
  return (
    <>
      {load !== null && <span className="tabular-nums">load {formatLoad(load)}</span>}
      {memory !== null && <span className="tabular-nums">memory {formatPercent(memory)}</span>}
    </>
  );
}
