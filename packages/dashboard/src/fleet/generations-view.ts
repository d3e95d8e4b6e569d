import type { GenerationView, HostId, HostRow } from "@nixfleet/protocol";
import type { SourceReader } from "../sources/index.ts";
import type { HostInput } from "../status/index.ts";
import { type DeploymentBy, generations } from "../status/index.ts";
import type { FleetViewsDeps } from "./fleet-views.ts";

/** A host lists 500 generations at most; each may have been deployed more than once. */
const MOST_DEPLOYMENTS = 1000;

/** What the page "Generations" of a host shows, newest first. */
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
  const all = db
    .selectFrom("deployments")
    .innerJoin("runs", "runs.id", "deployments.run_id")
    .selectAll("deployments")
    .select("runs.actor_name")
    .where("deployments.host_id", "=", hostId)
    .orderBy("deployments.run_id", "desc")
    .limit(MOST_DEPLOYMENTS);
  const last = await all.where("deployments.mode", "!=", "test").limit(1).execute();
  const asked = closures.length === 0 ? [] : await all.where("deployments.closure", "in", closures).execute();
  const known = new Map([...last, ...asked].map((row) => [row.run_id, row]));
  return [...known.values()]
    .sort((a, b) => (a.run_id < b.run_id ? 1 : -1))
    .map((row) => ({
      closure: row.closure,
      commit: row.commit_id,
      runId: row.run_id,
      at: row.at,
      mode: row.mode,
      by: row.actor_name,
      ...(row.generation === null ? {} : { generation: row.generation }),
    }));
}
