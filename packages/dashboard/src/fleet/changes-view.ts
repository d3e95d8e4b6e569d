import {
  type ChangesView,
  type ClosureDiff,
  deployedClosure,
  type HostId,
  type HostRow,
  type Preview,
  type RunId,
} from "@nixfleet/protocol";
import type { SourceReader } from "../sources/index.ts";
import type { HostInput } from "../status/index.ts";
import { changes, runningCommit } from "../status/index.ts";
import type { Store } from "../store/index.ts";
import type { FleetViewsDeps } from "./fleet-views.ts";

/** Newest previews that are searched for one of a commit; others are of generations. */
const PREVIEWS_TO_SEARCH = 50;

/** The view of a host's page "Changes". */
export async function changesView(
  { store, runs }: Pick<FleetViewsDeps, "store" | "runs">,
  { source, row, input }: { source: SourceReader | null; row: HostRow; input: HostInput },
): Promise<ChangesView> {
  const { last, lastPreview } = await lastPreviews(store, row.id);
  const view = source?.view();
  const commit = view?.state === "known" ? view.commit : null;
  const { running } = input.facts;
  const from = runningCommit(input, null).commit;
  const to = lastPreview?.preview.commit ?? null;
  const between =
    to === null || from === to
      ? { items: [], complete: true }
      : ((await source?.commits(from, to)) ?? { items: [], complete: false });
  return {
    run: last === null ? null : await runs.summary(last),
    preview: lastPreview?.preview ?? null,
    previewedAt: lastPreview?.endedAt ?? null,
    diff: lastPreview?.diff ?? null,
    commits: between.items,
    commitsComplete: between.complete,
    ...changes({
      lastPreview,
      running: running?.closure ?? null,
      deployed: running === undefined ? null : deployedClosure(running),
      target: commit,
      row,
    }),
  };
}

interface LastPreview {
  preview: Preview;
  diff: ClosureDiff | null;
  endedAt: number | null;
}

/** The active or last preview, and the results of the last successful one. Only previews of a commit against the running system. */
async function lastPreviews({ db }: Store, hostId: HostId): Promise<{ last: RunId | null; lastPreview: LastPreview | null }> {
  const previews = await db
    .selectFrom("runs")
    .select(["id", "args", "state", "ended_at"])
    .where("host_id", "=", hostId)
    .where("op", "=", "preview")
    .orderBy("id", "desc")
    .limit(PREVIEWS_TO_SEARCH)
    .execute();
  const ofCommit = previews.filter(({ args }) => args.generation === undefined && args.against === undefined);
  const last = ofCommit.find(({ state }) => state === "starting" || state === "running") ?? ofCommit[0];
  const succeeded = ofCommit.find(({ state }) => state === "succeeded");
  const results =
    succeeded === undefined
      ? undefined
      : await db.selectFrom("run_results").select(["preview", "diff"]).where("run_id", "=", succeeded.id).executeTakeFirst();
  const preview = results?.preview ?? null;
  return {
    last: last?.id ?? null,
    lastPreview: preview === null ? null : { preview, diff: results?.diff ?? null, endedAt: succeeded?.ended_at ?? null },
  };
}
