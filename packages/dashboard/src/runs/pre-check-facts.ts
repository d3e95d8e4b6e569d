import type { HostId } from "@nixfleet/protocol";
import { type KnownFacts, knownFacts } from "../hosts/index.ts";
import type { Reader } from "../store/index.ts";
import type { PreCheckFacts } from "./pre-checks.ts";

/** Deployments, and previews, of a closure that are looked at: the newest. */
const MOST_LOOKED_AT = 50;

/** What the pre-checks of a run about `commit` need to know of its host; null: there is no such host. */
export async function readPreCheckFacts(db: Reader, hostId: HostId, commit: string | null): Promise<PreCheckFacts | null> {
  const host = await db.selectFrom("hosts").select(["platform", "policy"]).where("id", "=", hostId).executeTakeFirst();
  if (host === undefined) return null;
  const facts = knownFacts(await db.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
  const given = await readGiven(db, hostId, commit, facts);
  return {
    platform: host.platform,
    allowedOps: host.policy?.allowedOps ?? null,
    facts,
    deployedCommits: (closure) => given.filter((made) => made.closure === closure).map((made) => made.commit),
    commit,
  };
}

/** For which commits what the host runs and would boot was deployed, or given by a preview of the commit that is asked about. */
async function readGiven(db: Reader, hostId: HostId, commit: string | null, { running, profile }: KnownFacts) {
  const closures = [running?.value.closure, profile?.value.closure].filter((closure) => closure !== undefined);
  if (closures.length === 0) return [];
  const deployments = await db
    .selectFrom("deployments")
    .select(["closure", "commit_id"])
    .where("host_id", "=", hostId)
    .where("closure", "in", closures)
    .orderBy("run_id", "desc")
    .limit(MOST_LOOKED_AT)
    .execute();
  const previews = await db
    .selectFrom("runs")
    .select(["previewed_closure", "commit_id"])
    .where("host_id", "=", hostId)
    .where("previewed_closure", "is not", null)
    .where("previewed_closure", "in", closures)
    .where("state", "=", "succeeded")
    .where("commit_id", "=", commit)
    .limit(MOST_LOOKED_AT)
    .execute();
  return [
    ...deployments.map(({ closure, commit_id }) => ({ closure, commit: commit_id })),
    ...previews.map(({ previewed_closure, commit_id }) => ({ closure: previewed_closure, commit: commit_id })),
  ];
}
