import { type Compartment, type HostRow, type RunSummary, shortCommit } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";
import { memo, type ReactNode } from "react";
import { Checkbox } from "../../components/checkbox.tsx";
import { classNames } from "../../components/class-names.ts";
import { CompartmentPill } from "../../components/compartment-pill.tsx";
import { HostName } from "../../components/host-name.tsx";
import { Bar, Meter } from "../../components/meter.tsx";
import { Reachability } from "../../components/reachability.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { currentShare } from "../../components/run-phases.ts";
import { StatusMark } from "../../components/status-icon.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { Td } from "../../components/table.tsx";
import { Tag } from "../../components/tag.tsx";
import { Tip } from "../../components/tooltip.tsx";
import { formatLoad, formatPercent } from "../../format/quantity.ts";
import { useMeasured } from "../../live/use-live.ts";
import { NextButton } from "../../ops/next-button.tsx";
import { RowMenuButton } from "../../ops/row-menu.tsx";
import type { Column } from "./columns.ts";
import { meterTone } from "./meter-tone.ts";
import { PLATFORM_SHORT } from "./platform-short.ts";
import { tagsThatFit } from "./tags-that-fit.ts";

/** One host in the table. Renders again only when it changed; its meters render on their own. */
export const HostLine = memo(function HostLine({
  row,
  itemKey,
  columns,
  index,
  selected,
  current,
  onSelect,
}: {
  row: HostRow;
  itemKey: string;
  columns: readonly Column[];
  /** Its index among all lines, from 1, for screen readers. */
  index: number;
  selected: boolean;
  /** Whether the keyboard cursor is on it. */
  current: boolean;
  onSelect: (row: HostRow, range: boolean) => void;
}) {
  const away = row.reachability.state !== "online";
  return (
    <tr
      data-line={itemKey}
      aria-rowindex={index}
      tabIndex={current ? 0 : -1}
      // A stacking context of its own: the browser then paints this row alone, where it would paint the whole table.
      className={classNames("group/row isolate focus-visible:-outline-offset-2", selected ? "bg-accent-soft" : "hover:bg-hover")}
    >
      {columns.map((column) => (
        <Cell key={column} column={column} row={row} away={away} columns={columns} selected={selected} onSelect={onSelect} />
      ))}
    </tr>
  );
});

interface CellProps {
  column: Column;
  row: HostRow;
  away: boolean;
  columns: readonly Column[];
  selected: boolean;
  onSelect: (row: HostRow, range: boolean) => void;
}

function Cell({ column, row, away, columns, selected, onSelect }: CellProps): ReactNode {
  switch (column) {
    case "select":
      return (
        <Td pad="edge" whole>
          <Checkbox
            label={`Select ${row.name}`}
            checked={selected}
            onChange={(event) => onSelect(row, event.nativeEvent instanceof MouseEvent && event.nativeEvent.shiftKey)}
          />
        </Td>
      );
    case "host":
      return (
        <Td>
          <span className="flex items-center gap-2">
            <StatusMark status={row.status} />
            <Link to="/hosts/$host" params={{ host: row.name }} className="flex min-w-0">
              <HostName name={row.name} colour={row.color} away={away} />
            </Link>
          </span>
        </Td>
      );
    case "tags":
      return (
        <Td pad="start">
          <Tags tags={row.tags} />
        </Td>
      );
    case "platform":
      return (
        <Td className="text-muted">
          <Tip text={row.system ?? undefined}>
            <span>{PLATFORM_SHORT[row.platform]}</span>
          </Tip>
        </Td>
      );
    case "agent":
    case "git":
    case "lock":
      return <CompartmentCell compartment={column} row={row} />;
    case "system":
      return row.run ? (
        <WorkCell run={row.run} span={columns.includes("tests") ? 2 : 1} />
      ) : (
        <CompartmentCell compartment="system" row={row} />
      );
    case "tests":
      return row.run && columns.includes("system") ? null : <CompartmentCell compartment="tests" row={row} />;
    case "state":
      return row.run ? <WorkCell run={row.run} span={1} /> : <StateCell row={row} />;
    case "runs":
      return (
        <Td>
          {row.runs.commit ? (
            <span className={classNames("flex items-center gap-2", away && "text-muted")}>
              <code className="text-label">{shortCommit(row.runs.commit)}</code>
              {row.runs.since !== null && <RelativeTime at={row.runs.since} form="bare" className="text-label text-faint" />}
            </span>
          ) : (
            row.runs.specialisation === null && <span className="text-faint">–</span>
          )}
          {row.runs.specialisation !== null && (
            <Tip text={`Runs the specialisation ${row.runs.specialisation}`}>
              <span className="block truncate text-label leading-4 text-muted compact:leading-[14px]">
                {row.runs.specialisation}
              </span>
            </Tip>
          )}
        </Td>
      );
    case "generation":
      return (
        <Td className="text-muted">
          <span className="font-mono text-label tracking-code">{row.runs.generation ?? "–"}</span>
        </Td>
      );
    case "load":
      return (
        <Td>
          <LoadMeter row={row} />
        </Td>
      );
    case "memory":
      return (
        <Td>
          <MemoryMeter row={row} />
        </Td>
      );
    case "seen":
      return (
        <Td pad="start">
          <Reachability state={row.reachability.state} since={row.reachability.since ?? undefined} />
        </Td>
      );
    case "action":
      return (
        <Td pad="tight" whole className="text-right">
          <NextButton row={row} className="w-[92px]" />
        </Td>
      );
    case "menu":
      return (
        <Td pad="none" whole>
          <RowMenuButton row={row} />
        </Td>
      );
  }
}

function LoadMeter({ row }: { row: HostRow }) {
  const { load, cores } = useMeasured(row);
  return (
    <Meter share={load === null || cores === null ? undefined : load / cores}>{load === null ? "–" : formatLoad(load)}</Meter>
  );
}

function MemoryMeter({ row }: { row: HostRow }) {
  const { memory } = useMeasured(row);
  return (
    <Meter share={memory ?? undefined} tone={meterTone(memory)}>
      {memory === null ? "–" : formatPercent(memory)}
    </Meter>
  );
}

/** As many tags as have room, and how many more there are. */
function Tags({ tags }: { tags: readonly string[] }) {
  const shown = tagsThatFit(tags);
  return (
    <span className="flex gap-1">
      {shown.map((tag) => (
        <Tag key={tag}>{tag}</Tag>
      ))}
      {tags.length > shown.length && (
        <Tip text={tags.join(", ")}>
          <span className="text-label leading-5 text-faint">+{tags.length - shown.length}</span>
        </Tip>
      )}
    </span>
  );
}

function CompartmentCell({ compartment, row }: { compartment: Compartment; row: HostRow }) {
  const { status, word, sentence } = row.compartments[compartment];
  return (
    <Td pad="tight">
      <CompartmentPill compartment={compartment} status={status} word={word} sentence={sentence} />
    </Td>
  );
}

/** What runs or waits, in the place of System and Tests. */
function WorkCell({ run, span }: { run: RunSummary; span: number }) {
  const share = currentShare(run);
  if (run.state === "queued") {
    return (
      <Td pad="tight" colSpan={span}>
        <Tip text={run.sentence}>
          <span className="flex items-center">
            <StatusPill status="unknown" icon={Hourglass}>
              {run.word}: {run.title}
            </StatusPill>
          </span>
        </Tip>
      </Td>
    );
  }
  return (
    <Td pad="tight" colSpan={span}>
      <span className="grid grid-cols-[max-content_minmax(0,1fr)] items-center gap-2.5 pr-3">
        <Tip text={run.sentence}>
          <span className="inline-flex tabular-nums">
            <StatusPill status={run.status}>{run.word}</StatusPill>
          </span>
        </Tip>
        {share !== undefined && <Bar share={share} tone="working" label={`${run.title} on ${run.hostName}`} />}
      </span>
    </Td>
  );
}

const RANK = { broken: 0, attention: 1, working: 2, unknown: 3, ok: 4 } as const;

/** Where five compartments have no room: the worst one by name, and how many more are not well. */
function StateCell({ row }: { row: HostRow }) {
  const answers = Object.entries(row.compartments) as [Compartment, HostRow["compartments"][Compartment]][];
  const unwell = answers.filter(([, { status }]) => status !== "ok").sort(([, a], [, b]) => RANK[a.status] - RANK[b.status]);
  const [worst] = unwell;
  if (!worst) {
    return (
      <Td pad="tight">
        <StatusPill status="ok">all current</StatusPill>
      </Td>
    );
  }
  const [compartment, { status, word, sentence }] = worst;
  const others = unwell.slice(1).filter(([, answer]) => answer.status !== "unknown").length;
  return (
    <Td pad="tight">
      <CompartmentPill compartment={compartment} status={status} word={word} sentence={sentence} named />
      {others > 0 && <span className="ml-1.5 align-middle text-label text-faint">and {others} more</span>}
    </Td>
  );
}
