import { Link } from "@tanstack/react-router";
import { Clock, Plus, WifiOff } from "lucide-react";
import { memo, type ReactNode } from "react";
import { buttonClass } from "../../components/button.tsx";
import { classNames } from "../../components/class-names.ts";
import { Icon } from "../../components/icon.tsx";
import { Verdict } from "../../components/verdict.tsx";
import type { FleetSummary, Group } from "./groups-of-status.ts";
import type { FleetView } from "./view.ts";

/** The state of the fleet in counts that are filters; beside it, the reachability. */
export const FleetHead = memo(function FleetHead({ summary, view }: { summary: FleetSummary; view: FleetView }) {
  return (
    <header className="flex flex-wrap items-center gap-x-6 gap-y-3 pt-7 pb-6 max-phone:gap-y-1 max-phone:pt-3 max-phone:pb-3">
      <div className="min-w-0 flex-1 max-phone:basis-full">
        <Verdict
          parts={summary.verdict.map(({ group, status, words }) => ({
            key: group,
            status,
            words,
            on: view.show === group,
            link: <FilterLink group={group} on={view.show === group} />,
          }))}
        />
      </div>
      <div className="flex flex-wrap items-center gap-4 text-muted max-phone:gap-3 max-phone:text-small">
        <ReachCount count={summary.groups.online} view={view} group="online" />
        <ReachCount count={summary.groups.stale} view={view} group="stale" />
        <ReachCount count={summary.groups.offline} view={view} group="offline" />
      </div>
      <Link to="/add-host" className={classNames(buttonClass(), "max-phone:hidden")}>
        <Icon of={Plus} />
        Add host
      </Link>
    </header>
  );
});

/** Toggles a group filter and keeps the rest of the address. */
function FilterLink({ group, on, ...rest }: { group: Group; on: boolean; className?: string; children?: ReactNode }) {
  return (
    <Link
      {...rest}
      to="/"
      search={({ show: _, ...others }) => (on ? others : { ...others, show: group })}
      replace
      resetScroll={false}
      activeProps={{}}
      aria-current={on ? "true" : undefined}
    />
  );
}

const REACH = {
  online: { icon: undefined, className: "" },
  stale: { icon: Clock, className: "text-attention" },
  offline: { icon: WifiOff, className: "" },
} as const;

function ReachCount({ count, view, group }: { count: number; view: FleetView; group: keyof typeof REACH }) {
  if (count === 0) return null;
  const { icon, className } = REACH[group];
  const on = view.show === group;
  return (
    <FilterLink
      group={group}
      on={on}
      className={classNames(
        "inline-flex items-center gap-1 whitespace-nowrap underlined max-phone:min-h-11",
        className,
        on && "decoration-accent-fill! decoration-2!",
      )}
    >
      {icon && <Icon of={icon} />}
      {count} {group}
    </FilterLink>
  );
}
