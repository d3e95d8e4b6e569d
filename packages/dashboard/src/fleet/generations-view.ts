import type { GenerationView, HostId, HostRow } from "@nixfleet/protocol";
import type { SourceReader } from "../sources/index.ts";
import type { HostInput } from "../status/index.ts";
import { type DeploymentBy, generations } from "../status/index.ts";
import type { FleetViewsDeps } from "./fleet-views.ts";
import { readDeployments } from "./host-history.ts";

/** A host lists 500 generations at most; each may have been deployed more than once. */
const MOST_DEPLOYMENTS = 1000;

/** The view of a host's page "Generations", newest first. */
export async function generationsView(
  { store }: Pick<FleetViewsDeps, "store">,
  { source, row, input }: { source: SourceReader | null; row: HostRow; input: HostInput },
): Promise<GenerationView[]> {
  const { facts } = input;
  const closures = [...new Set((facts.generations ?? []).flatMap(({ closure }) => closure ?? []))];
  const deployments = await deploymentsOf(store, row.id, closures);
  const found = generations({ facts, platform: row.platform, deployments, row });
  const commits = [...new Set(found.flatMap(({ commit }) => commit ?? []))];
  const subjects = new Map(
    await Promise.all(commits.map(async (commit) => [commit, (await source?.subject(commit)) ?? null] as const)),
  );
  return found.map((generation) => ({
    ...generation,
    subject: generation.commit === null ? null : (subjects.get(generation.commit) ?? null),
  }));
}

/** Of these closures, and the last one of all that was no trial; newest first. */
async function deploymentsOf(
  { db }: FleetViewsDeps["store"],
  hostId: HostId,
  closures: readonly string[],
): Promise<DeploymentBy[]> {
  const last = await db
    .selectFrom("deployments")
    .selectAll()
    .where("host_id", "=", hostId)
    .where("mode", "!=", "test")
    .orderBy("run_id", "desc")
    .limit(1)
    .execute();
  const asked = await readDeployments(db, [{ hostId, closures }]);
  const newest = [...new Map([...last, ...asked].map((row) => [row.run_id, row])).values()]
    .sort((a, b) => (a.run_id < b.run_id ? 1 : -1))
    .slice(0, MOST_DEPLOYMENTS);
  const ids = newest.map(({ run_id }) => run_id);
  const runs = ids.length === 0 ? [] : await db.selectFrom("runs").select(["id", "actor_name"]).where("id", "in", ids).execute();
  const actors = new Map(runs.map(({ id, actor_name }) => [id, actor_name]));
  return newest.flatMap((row) => {
    const by = actors.get(row.run_id);
    // It is gone since the deployments were read.
    if (by === undefined) return [];
    const deployment = {
      closure: row.closure,
      commit: row.commit_id,
      runId: row.run_id,
      at: row.at,
      mode: row.mode,
      by,
      ...(row.generation === null ? {} : { generation: row.generation }),
    };
    return [deployment];
  });
}
