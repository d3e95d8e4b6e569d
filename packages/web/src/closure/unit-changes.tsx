import type { Preview, UnitChanges as Units } from "@nixfleet/protocol";
import { CircleStop, Play, RefreshCw, RotateCw } from "lucide-react";
import { Icon, type LucideIcon } from "../components/icon.tsx";
import { SectionHead } from "../components/section-head.tsx";
import { formatCount } from "../format/quantity.ts";
import { useShowMore } from "./use-show-more.tsx";

const WHAT = {
  restart: { label: "Restart", icon: RotateCw },
  stop: { label: "Stop", icon: CircleStop },
  reload: { label: "Reload", icon: RefreshCw },
  start: { label: "Start", icon: Play },
} as const satisfies Record<keyof Units, { label: string; icon: LucideIcon }>;

const KINDS = Object.keys(WHAT) as (keyof Units)[];

/** The units that an activation would change, grouped by action. */
export function UnitChanges({ units }: { units: Preview["units"] }) {
  const touched = units === null ? [] : KINDS.filter((kind) => units[kind].length > 0);
  return (
    <section aria-label="Units">
      <SectionHead
        title="Units"
        count={units === null ? undefined : touched.reduce((sum, kind) => sum + units[kind].length, 0)}
      />
      {units === null ? (
        <p className="text-small text-muted">It is not known which units change: the host could not tell in advance.</p>
      ) : touched.length === 0 ? (
        <p className="text-small text-muted">No units change.</p>
      ) : (
        touched.map((kind) => <Kind key={kind} kind={kind} names={units[kind]} />)
      )}
    </section>
  );
}

const FIRST = 8;

function Kind({ kind, names }: { kind: keyof Units; names: readonly string[] }) {
  const { shown, more } = useShowMore(names, FIRST);
  const { label, icon } = WHAT[kind];
  return (
    <div className="pb-1.5">
      <h3 className="flex h-7 items-center gap-1.5 text-small font-medium">
        <Icon of={icon} className="text-muted" />
        {label}
        <span className="font-normal text-faint tabular-nums">{formatCount(names.length)}</span>
      </h3>
      <ul className="pl-5">
        {shown.map((name) => (
          <li key={name} className="flex min-h-[26px] items-center text-small">
            <code className="min-w-0 wrap-anywhere">{name}</code>
          </li>
        ))}
      </ul>
      {more && <div className="pl-5">{more}</div>}
    </div>
  );
}
