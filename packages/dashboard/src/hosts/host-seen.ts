import type { FromAgentOf, HostId } from "@nixfleet/protocol";
import type { Change } from "../store/index.ts";
import { replaceFacts } from "./host-facts.ts";
import { sourceIdOf, sourceNameOf } from "./host-source.ts";

/** Stores the content of a hello, and that the token was used. */
export async function storeHello(
  change: Change,
  hostId: HostId,
  hello: FromAgentOf<"hello">,
  { at, from }: { at: number; from: string },
): Promise<void> {
  const source = sourceNameOf(hello.settings, hello.facts.facts.clone);
  await change.db
    .updateTable("hosts")
    .set((eb) => ({
      hostname: hello.hostname,
      policy: hello.policy,
      settings: hello.settings,
      source_id: source === null ? null : sourceIdOf(source),
      first_connected_at: eb.fn.coalesce("first_connected_at", eb.val(at)),
      last_seen_at: at,
    }))
    .where("id", "=", hostId)
    .execute();
  await change.db
    .updateTable("host_tokens")
    .set({ last_used_at: at, last_used_from: from })
    .where("host_id", "=", hostId)
    .execute();
  await replaceFacts(change, hostId, hello.facts);
  change.emit("host.changed", { hostId });
}

/** Rows of one statement: SQLite takes 32,766 parameters. */
const ROWS_AT_ONCE = 500;

/** Records that these hosts are connected and their tokens in use; once a minute for all (R43). */
export async function storeConnected({ db }: Change, hostIds: readonly HostId[], at: number): Promise<void> {
  for (let first = 0; first < hostIds.length; first += ROWS_AT_ONCE) {
    const some = hostIds.slice(first, first + ROWS_AT_ONCE);
    await db.updateTable("hosts").set({ last_seen_at: at }).where("id", "in", some).execute();
    await db.updateTable("host_tokens").set({ last_used_at: at }).where("host_id", "in", some).execute();
  }
}

/** Records when a host was last seen. Does not touch its token, which may have been replaced. */
export async function storeLastSeen({ db }: Change, hostId: HostId, at: number): Promise<void> {
  await db.updateTable("hosts").set({ last_seen_at: at }).where("id", "=", hostId).execute();
}
