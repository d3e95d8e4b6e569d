import type { ClosureDiff } from "@nixfleet/protocol";
import { ArrowDownWideNarrow, ArrowRight, Minus, Plus } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { chipClass } from "../components/chip.tsx";
import { classNames } from "../components/class-names.ts";
import { Icon, type LucideIcon } from "../components/icon.tsx";
import { SearchInput } from "../components/input.tsx";
import { Tag } from "../components/tag.tsx";
import { Tip } from "../components/tooltip.tsx";
import { formatBytesChange, formatCount } from "../format/quantity.ts";
import { type ChangeKind, type ClosureRow, closureRows, isRebuilt } from "./closure-rows.ts";
import { countKinds, type PackageGroup, type PackageView, packageGroups } from "./package-groups.ts";

const KINDS = {
  added: { label: "Added", icon: Plus },
  removed: { label: "Removed", icon: Minus },
  changed: { label: "Changed", icon: ArrowRight },
} as const satisfies Record<ChangeKind, { label: string; icon: LucideIcon }>;

const ALL: PackageView = { kind: "all", text: "", bySize: false };

/** Every package that differs between two closures, by kind or by size, with its change of size. */
export function PackageList({ diff }: { diff: ClosureDiff }) {
  const rows = useMemo(() => closureRows(diff), [diff]);
  const [view, setView] = useState(ALL);
  const groups = useMemo(() => packageGroups(rows, view), [rows, view]);
  const counts = useMemo(() => countKinds(rows), [rows]);
  const most = useMemo(() => Math.max(0, ...rows.map(({ grows }) => Math.abs(grows ?? 0))), [rows]);
  const kinds = (Object.keys(KINDS) as ChangeKind[]).filter((kind) => counts[kind] > 0);
  if (rows.length === 0) {
    return <p className="text-small text-muted">No package versions changed. Only the configuration differs.</p>;
  }
  const chip = (kind: PackageView["kind"], children: ReactNode) => (
    <button
      key={kind}
      type="button"
      aria-pressed={view.kind === kind}
      className={chipClass(view.kind === kind)}
      onClick={() => setView({ ...view, kind })}
    >
      {children}
    </button>
  );
  return (
    <section aria-label="Packages" className="min-w-0">
      <h2 className="sr-only">Packages</h2>
      <div className="flex flex-wrap items-center gap-2">
        {kinds.length > 1 && chip("all", `All ${formatCount(rows.length)}`)}
        {kinds.length > 1 &&
          kinds.map((kind) =>
            chip(
              kind,
              <>
                <Icon of={KINDS[kind].icon} />
                {KINDS[kind].label} {formatCount(counts[kind])}
              </>,
            ),
          )}
        <span className="flex-1" />
        {most > 0 && (
          <button
            type="button"
            aria-pressed={view.bySize}
            className={chipClass(view.bySize)}
            onClick={() => setView({ ...view, bySize: !view.bySize })}
          >
            <Icon of={ArrowDownWideNarrow} />
            Largest first
          </button>
        )}
        <SearchInput
          label="Filter packages"
          placeholder="Filter packages"
          className="w-[200px] max-phone:w-full"
          value={view.text}
          onChange={(event) => setView({ ...view, text: event.currentTarget.value })}
        />
      </div>
      {groups.map((group) => (
        <Group key={`${group.kind} ${view.kind}`} group={group} most={most} />
      ))}
      {groups.length === 0 && <p className="py-6 text-small text-muted">No package name contains “{view.text.trim()}”.</p>}
    </section>
  );
}

const FIRST = 20;

function Group({ group: { kind, rows }, most }: { group: PackageGroup; most: number }) {
  const [all, setAll] = useState(false);
  const shown = all || rows.length <= FIRST + 1 ? rows : rows.slice(0, FIRST);
  const rest = rows.slice(shown.length);
  const rebuilt = rest.filter(isRebuilt).length;
  return (
    <div className="pt-3">
      {kind !== null && (
        <h3 className="flex h-8 items-center gap-2 border-b border-border text-small font-semibold">
          <Icon of={KINDS[kind].icon} size={16} className="text-muted" />
          {KINDS[kind].label}
          <span className="font-normal text-faint tabular-nums">{formatCount(rows.length)}</span>
        </h3>
      )}
      <ul className={classNames("pt-1", kind === null && "border-t border-border")}>
        {shown.map((row) => (
          <Row key={`${row.kind} ${row.name}`} row={row} most={most} marked={kind === null} />
        ))}
      </ul>
      {rest.length > 0 && (
        <p className="pl-6 text-small text-faint max-phone:pl-0">
          <button type="button" className="text-muted underlined max-phone:min-h-11" onClick={() => setAll(true)}>
            Show {formatCount(rest.length)} more
          </button>
          {rebuilt > 0 && `, ${rebuilt === rest.length ? "all" : `${formatCount(rebuilt)} of them`} rebuilt at the same version`}
        </p>
      )}
    </div>
  );
}

/** Name, versions and change of size; on a phone the versions are below the name. `marked`: shows the kind of change first. */
function Row({ row, most, marked }: { row: ClosureRow; most: number; marked: boolean }) {
  const { kind, name, from, to, grows } = row;
  const rebuilt = isRebuilt(row);
  return (
    <li
      className={classNames(
        "grid min-h-8 items-center gap-x-3 text-small max-phone:min-h-11 max-phone:border-b max-phone:border-border max-phone:py-1",
        "grid-cols-[12px_minmax(0,260fr)_minmax(0,116fr)_14px_minmax(0,128fr)_minmax(0,200fr)_76px]",
        "max-desk:grid-cols-[12px_minmax(0,260fr)_minmax(0,116fr)_14px_minmax(0,128fr)_76px]",
        "max-phone:grid-cols-[minmax(0,max-content)_14px_minmax(0,1fr)_auto] max-phone:gap-x-2",
      )}
    >
      <span className="grid place-items-center text-faint max-phone:hidden">
        {marked && (
          <>
            <Icon of={KINDS[kind].icon} size={12} />
            <span className="sr-only">{KINDS[kind].label}</span>
          </>
        )}
      </span>
      <span className="flex min-w-0 items-center gap-2 max-phone:col-span-3">
        <Tip text={name}>
          <code className="truncate">{name}</code>
        </Tip>
        {rebuilt && <Tag>rebuilt</Tag>}
      </span>
      <Version
        text={from}
        className={classNames("text-muted", kind === "added" ? "max-phone:hidden" : kind === "removed" && "max-phone:col-span-3")}
      />
      <span className={classNames("grid place-items-center text-faint", kind !== "changed" && "max-phone:hidden")}>
        {kind === "changed" && (
          <>
            <Icon of={ArrowRight} size={12} />
            <span className="sr-only">to</span>
          </>
        )}
      </span>
      <Version text={to} className={kind === "removed" ? "max-phone:hidden" : kind === "added" ? "max-phone:col-span-3" : ""} />
      <Growth grows={grows} most={most} />
      <span className="text-right text-muted tabular-nums max-phone:col-start-4 max-phone:row-start-1">
        {grows === null ? <span className="text-faint">–</span> : formatBytesChange(grows)}
      </span>
    </li>
  );
}

function Version({ text, className }: { text: string; className: string }) {
  return (
    <Tip text={text}>
      <code className={classNames("truncate text-label", className)}>{text}</code>
    </Tip>
  );
}

/** A bar to the left of the middle for a decrease, to the right for an increase; the largest change has the longest bar. */
function Growth({ grows, most }: { grows: number | null; most: number }) {
  const share = grows === null || most === 0 ? 0 : Math.abs(grows) / most;
  const less = grows !== null && grows < 0;
  return (
    <span aria-hidden="true" className="relative h-4 max-desk:hidden">
      {grows !== null && most > 0 && <i className="absolute inset-y-0 left-1/2 w-px bg-border-strong" />}
      {share > 0 && (
        <i
          className={classNames(
            "absolute top-[5px] h-1.5 min-w-0.5 bg-unknown-fill",
            less ? "right-1/2 rounded-l-[2px] opacity-55" : "left-1/2 rounded-r-[2px]",
          )}
          style={{ width: `${share * 50}%` }}
        />
      )}
    </span>
  );
}
