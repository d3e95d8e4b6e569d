import type { FromAgentOf, HostId } from "@nixfleet/protocol";
import type { Transaction } from "kysely";
import type { Database } from "../store/index.ts";
import { replaceFacts } from "./host-facts.ts";

/** Stores what a hello says of its host, and that its token was used. */
export async function storeHello(
  trx: Transaction<Database>,
  hostId: HostId,
  hello: FromAgentOf<"hello">,
  { at, from }: { at: number; from: string },
): Promise<void> {
  await trx
    .updateTable("hosts")
    .set((eb) => ({
      hostname: hello.hostname,
      policy: JSON.stringify(hello.policy),
      settings: JSON.stringify(hello.settings),
      first_connected_at: eb.fn.coalesce("first_connected_at", eb.val(at)),
      last_seen_at: at,
    }))
    .where("id", "=", hostId)
    .execute();
  await trx.updateTable("host_tokens").set({ last_used_at: at, last_used_from: from }).where("host_id", "=", hostId).execute();
  await replaceFacts(trx, hostId, hello.facts);
}

/** Records that these hosts were connected at that time: once a minute for all, and when a link ends (R43). */
export async function storeSeen(trx: Transaction<Database>, hostIds: readonly HostId[], at: number): Promise<void> {
  for (let first = 0; first < hostIds.length; first += 500) {
    const some = hostIds.slice(first, first + 500);
    await trx.updateTable("hosts").set({ last_seen_at: at }).where("id", "in", some).execute();
    await trx.updateTable("host_tokens").set({ last_used_at: at }).where("host_id", "in", some).execute();
  }
}
