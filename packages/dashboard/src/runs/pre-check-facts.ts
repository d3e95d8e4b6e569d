import type { HostId, HostPolicy, Platform } from "@nixfleet/protocol";
import { knownFacts } from "../hosts/index.ts";
import type { Reader } from "../store/index.ts";
import type { PreCheckFacts } from "./pre-checks.ts";

/** What the pre-checks of a run about `commit` need to know of its host; null: there is no such host. */
export async function readPreCheckFacts(db: Reader, hostId: HostId, commit: string | null): Promise<PreCheckFacts | null> {
  const host = await db.selectFrom("hosts").select(["platform", "policy"]).where("id", "=", hostId).executeTakeFirst();
  if (host === undefined) return null;
  const facts = knownFacts(await db.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
  const deployments = await db.selectFrom("deployments").select(["closure", "commit_id"]).where("host_id", "=", hostId).execute();
  const previews = await db
    .selectFrom("runs")
    .select(["previewed_closure", "commit_id"])
    .where("host_id", "=", hostId)
    .where("op", "=", "preview")
    .where("state", "=", "succeeded")
    .where("commit_id", "=", commit)
    .where("previewed_closure", "is not", null)
    .execute();
  const given = [...deployments, ...previews.map((row) => ({ closure: row.previewed_closure, commit_id: row.commit_id }))];
  return {
    platform: host.platform as Platform,
    allowedOps: host.policy === null ? null : (JSON.parse(host.policy) as HostPolicy).allowedOps,
    facts,
    deployedCommits: (closure) => given.filter((made) => made.closure === closure).map((made) => made.commit_id),
    commit,
  };
}
