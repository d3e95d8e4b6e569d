import { useInfiniteQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { History, SearchX } from "lucide-react";
import { useMemo } from "react";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ProblemNotice } from "../../components/problem-notice.tsx";
import { SkeletonRows } from "../../components/skeleton.tsx";
import { call } from "../../live/api.ts";
import { useActivity, useHostRows } from "../../live/use-live.ts";
import { messageOf } from "../../ops/message-of.ts";
import { usePageTitle } from "../../screen/use-page-title.ts";
import { serverNow, useTimed } from "../../time/clock.ts";
import { ActivityEntry } from "./activity-entry.tsx";
import { ActivityFilters } from "./activity-filters.tsx";
import type { ActivityFilter } from "./address.ts";
import { byDay, choicesOf, mergeEntries } from "./entries.ts";

/** As many as come live, so that the first older page is a new one. */
const PAGE = 200;

/** The audit trail: what, by whom, on which hosts, from where, and with which outcome. Live, and back to the first entry. */
export function ActivityPage() {
  const filter: ActivityFilter = useSearch({ from: "/signed-in/activity" });
  const live = useActivity();
  const rows = useHostRows();
  const read = useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) =>
      call("audit", { query: { limit: PAGE, ...filter, ...(pageParam && { cursor: pageParam }) } }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 30_000,
  });
  usePageTitle("Activity");
  // Rendered again when a day ends.
  useTimed((now) => new Date(now).toDateString());
  const { data } = read;
  const older = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const entries = mergeEntries(live ?? [], older, filter);
  const days = byDay(entries, serverNow());
  const all = useMemo(() => choicesOf([...(live ?? []), ...older]), [live, older]);
  const hosts = useMemo(() => (rows ?? []).map((row) => row.name).sort(), [rows]);
  const filtered = Object.keys(filter).length > 0;
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3 pt-5 pb-4">
        <h1 className="text-title">Activity</h1>
        <span className="flex-1" />
        <ActivityFilters filter={filter} {...all} hosts={hosts} />
      </div>
      {days.map((day) => (
        <section key={day.key} aria-label={day.title} className="pb-5">
          <h2 className="flex h-10 items-center font-semibold tracking-name">{day.title}</h2>
          <ol>
            {day.entries.map((entry) => (
              <ActivityEntry key={entry.seq} entry={entry} />
            ))}
          </ol>
        </section>
      ))}
      {read.isPending && entries.length === 0 && <SkeletonRows rows={8} label="Loading the audit trail" />}
      {read.isSuccess &&
        entries.length === 0 &&
        (filtered ? (
          <EmptyState icon={SearchX} title="No matching entries">
            No entry in the audit trail matches all filters.
          </EmptyState>
        ) : (
          <EmptyState icon={History} title="No activity yet">
            Everything people do in this dashboard is listed here.
          </EmptyState>
        ))}
      {read.isError && <ProblemNotice title="Could not load the audit trail" next={messageOf(read.error)} />}
      {(read.hasNextPage || read.isError) && (
        <p className="pt-2">
          <Button sent={read.isFetching} onClick={() => void (read.data === undefined ? read.refetch() : read.fetchNextPage())}>
            {read.isError ? "Try again" : "Show older entries"}
          </Button>
        </p>
      )}
    </>
  );
}
