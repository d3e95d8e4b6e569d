import type { HostRow } from "@nixfleet/protocol";
import { Link, useSearch } from "@tanstack/react-router";
import { SearchX, Server } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { Button, buttonClass } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Skeleton, SkeletonRows } from "../../components/skeleton.tsx";
import { TableFrame } from "../../components/table.tsx";
import { countOf } from "../../format/quantity.ts";
import { useFleetRuns, useHostRows, useTarget } from "../../live/use-live.ts";
import { useIsPhone } from "../../screen/use-media.ts";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { useStable } from "../../screen/use-stable.ts";
import { ActiveRunCards, ActiveRuns } from "./active-runs.tsx";
import { FleetHead } from "./fleet-head.tsx";
import { FleetList } from "./fleet-list.tsx";
import { FleetTools, FleetToolsPhone } from "./fleet-tools.tsx";
import { type FleetSummary, isInGroup, summarise } from "./groups-of-status.ts";
import { NeedsAttention } from "./needs-attention.tsx";
import { sortRows, sortsByMeasured } from "./order.ts";
import { matches, parseSearch } from "./search.ts";
import { keepExisting, NOTHING, type Selection } from "./selection.ts";
import { SelectionBar } from "./selection-bar.tsx";
import { useSetView } from "./set-view.ts";
import { TargetPanel } from "./target-panel.tsx";
import { type FleetView, viewOf } from "./view.ts";

/** The home page: the verdict, hosts that need attention, active runs, the target, and all hosts. */
export function FleetPage() {
  const all = useHostRows();
  const runs = useFleetRuns() ?? [];
  const target = useTarget();
  const search = useSearch({ from: "/signed-in/" });
  const view = useMemo(() => viewOf(search), [search]);
  const phone = useIsPhone();
  const summary = useStable(useMemo(() => summarise(all ?? []), [all]));
  const worst = useMemo(() => sortRows(all ?? [], "worst"), [all]);
  usePageTitle("Fleet");
  if (all === undefined) return <FleetSkeleton />;
  if (all.length === 0) {
    return (
      <div className="mx-auto grid max-w-[640px] gap-6 pt-16">
        <h1 className="sr-only">Fleet</h1>
        <EmptyState
          icon={Server}
          title="No hosts yet"
          action={
            <Link to="/add-host" className={buttonClass({ variant: "ink" })}>
              Add host
            </Link>
          }
        >
          A host is a machine that runs the NixFleet agent. Adding one takes about three minutes.
        </EmptyState>
        <TargetPanel target={target} statuses={summary.statuses} />
      </div>
    );
  }
  return (
    <>
      <FleetHead summary={summary} view={view} />
      {phone ? (
        <>
          <ActiveRunCards runs={runs} rows={all} />
          <div className="rounded-l border border-border bg-surface px-3.5 pb-3.5">
            <TargetPanel target={target} statuses={summary.statuses} />
          </div>
        </>
      ) : (
        <section
          aria-label="Now"
          className="grid grid-cols-[minmax(0,1fr)_376px] rounded-l border border-border bg-surface max-desk:grid-cols-1"
        >
          <div className="min-w-0 pt-2 pb-4.5">
            <NeedsAttention rows={worst} />
            <ActiveRuns runs={runs} rows={all} />
          </div>
          <aside aria-label="Target" className="border-border px-5 pt-2 pb-4.5 max-desk:border-t desk:border-l">
            <TargetPanel target={target} statuses={summary.statuses} />
          </aside>
        </section>
      )}
      <Hosts all={all} summary={summary} view={view} />
    </>
  );
}

function Hosts({ all, summary, view }: { all: readonly HostRow[]; summary: FleetSummary; view: FleetView }) {
  const phone = useIsPhone();
  const setView = useSetView();
  const query = useMemo(() => parseSearch(view.q), [view.q]);
  const arranged = useHostRows({ measured: query.measured || sortsByMeasured(view.sort) }) ?? all;
  const [chosen, setSelection] = useState<Selection>(NOTHING);
  const selection = useMemo(() => {
    const ids = new Set<string>(all.map((row) => row.id));
    return keepExisting(chosen, (id) => ids.has(id));
  }, [all, chosen]);
  // A phone has no room for boxes until somebody wants to select.
  const [selecting, setSelecting] = useState(false);
  const onSelection = useCallback((next: Selection) => {
    setSelection(next);
    if (next.ids.size === 0) setSelecting(false);
  }, []);
  const rows = useMemo(
    () =>
      sortRows(
        arranged.filter(
          (row) =>
            (!view.show || isInGroup(row, view.show)) &&
            (!view.platform || row.platform === view.platform) &&
            matches(row, query),
        ),
        view.sort,
      ),
    [arranged, view, query],
  );
  return (
    <section aria-label="Hosts">
      {phone ? (
        <FleetToolsPhone view={view} faults={query.faults} selecting={selecting} onSelecting={setSelecting} />
      ) : (
        <FleetTools summary={summary} view={view} faults={query.faults} />
      )}
      {rows.length === 0 ? (
        <EmptyState
          icon={SearchX}
          title="No matching hosts"
          action={<Button onClick={() => setView({ q: "", show: undefined, platform: undefined })}>Clear filters</Button>}
        >
          No host matches{" "}
          <code>
            {[view.q, view.show && `is:${view.show}`, view.platform && `platform:${view.platform}`].filter(Boolean).join(" ")}
          </code>
          . {countOf(all.length, "host")} {all.length === 1 ? "is" : "are"} in the fleet.
        </EmptyState>
      ) : (
        <FleetList
          rows={rows}
          all={all}
          view={view}
          selection={selection}
          selecting={selecting || selection.ids.size > 0}
          onSelection={onSelection}
        />
      )}
      <p className="pt-3 text-label text-faint">
        {rows.length === all.length ? countOf(all.length, "host") : `${rows.length} of ${countOf(all.length, "host")}`}
      </p>
      <SelectionBar selection={selection} all={all} matching={rows} onSelection={onSelection} />
    </section>
  );
}

function FleetSkeleton() {
  return (
    <div role="status" aria-label="Loading the fleet">
      <h1 className="sr-only">Fleet</h1>
      <div className="flex h-[84px] items-center">
        <Skeleton className="h-6 w-96 max-w-full" />
      </div>
      <TableFrame>
        <SkeletonRows rows={8} label="" />
      </TableFrame>
    </div>
  );
}
