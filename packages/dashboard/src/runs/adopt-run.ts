import { type HeldRequest, type HostId, parseOpRequest, type RunId } from "@nixfleet/protocol";
import type { Change } from "../store/index.ts";
import { newRow } from "./records.ts";
import type { StartingRun } from "./run.ts";
import { trackedSource } from "./tracked-source.ts";
import { titleOf } from "./wording.ts";

/**
 * Stores a run that its host holds and this dashboard does not know, since its database was put back to an earlier state. Its events
 * come next. Null: there is no such host, or this dashboard does not know such a request.
 */
export async function adoptRun(
  change: Change,
  { runId, hostId, held, now }: { runId: RunId; hostId: HostId; held: HeldRequest; now: number },
): Promise<StartingRun | null> {
  const host = await change.db.selectFrom("hosts").select("name").where("id", "=", hostId).executeTakeFirst();
  const parsed = parseOpRequest(held.op, held.args);
  if (host === undefined || !parsed.ok) return null;
  const sentAt = Math.min(held.receivedAt, now);
  const actor = { kind: "unknown", id: null, name: held.askedBy } as const;
  const run: StartingRun = {
    id: runId,
    hostId,
    hostName: host.name,
    request: parsed.request,
    sourceId: (await trackedSource(change.db, hostId))?.sourceId ?? null,
    commit: held.commit,
    deadline: held.deadline,
    createdAt: sentAt,
    actor,
    force: held.force,
    stage: "starting",
    state: "starting",
    sentAt,
    cancel: null,
    linkLost: false,
    confirmSecret: held.confirmSecret ?? null,
    inquiry: null,
    reopened: true,
  };
  const last = await change.db.selectFrom("runs").select("number").orderBy("number", "desc").limit(1).executeTakeFirst();
  await change.db
    .insertInto("runs")
    .values(newRow(run, { number: (last?.number ?? 0) + 1, subject: null }))
    .execute();
  change.audit({
    actor,
    action: "run.adopt",
    sentence: `“${titleOf(run.request, run.commit)}” on ${host.name}, requested by ${held.askedBy}, was missing in the database and was taken over from the host.`,
    hosts: [{ id: hostId, name: host.name }],
    from: null,
    runId,
    outcome: "done",
  });
  return run;
}
