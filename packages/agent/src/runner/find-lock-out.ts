import { type LockOut, lockOutRisks } from "../lock-out/risks.ts";
import type { Platform } from "../platforms/platform.ts";

/** Which ways into this host a closure takes away, compared with what runs. Where nothing runs there is nothing to take away. */
export async function findLockOut(
  platform: Pick<Platform, "waysIn" | "installedAgent">,
  running: string | undefined,
  closure: string,
): Promise<LockOut> {
  if (running === undefined || running === closure) return { risks: [], unclear: [] };
  const read = async (one: string) => platform.waysIn(one, await platform.installedAgent(one));
  return lockOutRisks(await read(running), await read(closure));
}
