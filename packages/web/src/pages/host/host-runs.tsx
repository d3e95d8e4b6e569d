import type { RunSummary } from "@nixfleet/protocol";
import { useInfiniteQuery } from "@tanstack/react-query";
import { History } from "lucide-react";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ProblemNotice } from "../../components/problem-notice.tsx";
import { SkeletonRows } from "../../components/skeleton.tsx";
import { call } from "../../live/api.ts";
import { useHostRuns } from "../../live/use-live.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useThisHost } from "./host-frame.tsx";
import { RunTable } from "./run-table.tsx";

/** Every run of the host: the newest live, older ones on demand. */
export function HostRuns() {
  const { row } = useThisHost();
  const live = useHostRuns(row.id);
  const older = useInfiniteQuery({
    queryKey: ["runs", row.id],
    queryFn: ({ pageParam, signal }) =>
      call("hostRuns", { params: { host: row.id }, query: { limit: 50, ...(pageParam && { cursor: pageParam }) } }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: 30_000,
  });
  if (live === undefined || live === "gone") return <SkeletonRows rows={6} label="Loading runs" />;
  const runs = mergeRuns(live, older.data?.pages.flatMap((page) => page.items) ?? []);
  if (runs.length === 0) {
    return (
      <div className="pt-6">
        <EmptyState icon={History} title="No runs yet">
          Runs on {row.name} are listed here.
        </EmptyState>
      </div>
    );
  }
  return (
    <div className="pt-5">
      <RunTable runs={runs} label={`Runs of ${row.name}`} />
      {older.isError && (
        <div className="pt-4">
          <ProblemNotice title="Could not load older runs" next={messageOf(older.error)} />
        </div>
      )}
      {(older.hasNextPage || older.isError) && (
        <p className="pt-4">
          <Button sent={older.isFetching} onClick={() => void older.fetchNextPage()}>
            Show older runs
          </Button>
        </p>
      )}
    </div>
  );
}

/** Merges live runs with those that were read, newest first. The live copy wins. */
export function mergeRuns(live: readonly RunSummary[], read: readonly RunSummary[]): readonly RunSummary[] {
  const runs = new Map<string, RunSummary>([...read, ...live].map((run) => [run.id, run]));
  return [...runs.values()].sort((a, b) => b.number - a.number);
}
