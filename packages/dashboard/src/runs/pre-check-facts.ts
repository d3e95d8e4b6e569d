import { deployedClosure, type HostId } from "@nixfleet/protocol";
import { type KnownFacts, knownFacts } from "../hosts/index.ts";
import type { Reader } from "../store/index.ts";
import type { PreCheckFacts } from "./pre-checks.ts";

/** Deployments of a closure that are looked at: the newest. */
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

interface Given {
  closure: string;
  commit: string | null;
}

/** For which commits what the host runs and would boot was deployed, or given by a preview of the commit that is asked about. */
async function readGiven(db: Reader, hostId: HostId, commit: string | null, { running, profile }: KnownFacts): Promise<Given[]> {
  const closures = [running && deployedClosure(running.value), profile?.value.closure].filter((closure) => closure !== undefined);
  const given: Given[] = [];
  // One after the other: for several at once, SQLite would walk all deployments of the host.
  for (const closure of new Set(closures)) {
    const deployments = await db
      .selectFrom("deployments")
      .select("commit_id")
      .where("host_id", "=", hostId)
      .where("closure", "=", closure)
      .orderBy("run_id", "desc")
      .limit(MOST_LOOKED_AT)
      .execute();
    for (const { commit_id } of deployments) given.push({ closure, commit: commit_id });
    if (commit === null) continue;
    const preview = await db
      .selectFrom("runs")
      .select("commit_id")
      .where("host_id", "=", hostId)
      .where("previewed_closure", "=", closure)
      .where("state", "=", "succeeded")
      .where("commit_id", "=", commit)
      .limit(1)
      .executeTakeFirst();
    if (preview !== undefined) given.push({ closure, commit });
  }
  return given;
}
