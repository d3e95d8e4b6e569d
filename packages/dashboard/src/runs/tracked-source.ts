import type { HostId, HostSettings, SourceId } from "@nixfleet/protocol";
import { type KnownFacts, sourceNameOf } from "../hosts/index.ts";
import { undeclaredSource } from "../sources/index.ts";
import type { Reader } from "../store/index.ts";

/** The source that a host tracks. */
export interface TrackedSource {
  /** Null: the host has not reported one. */
  readonly sourceId: SourceId | null;
  readonly settings: HostSettings | null;
}

/** Reads the source that a host tracks; null: there is no such host. */
export async function trackedSource(db: Reader, hostId: HostId): Promise<TrackedSource | null> {
  const row = await db.selectFrom("hosts").select(["source_id", "settings"]).where("id", "=", hostId).executeTakeFirst();
  if (row === undefined) return null;
  return { sourceId: row.source_id, settings: row.settings };
}

/** Why a host that tracks an undeclared source has no target; null: the host has not reported its source. */
export function noTargetOf({ settings }: TrackedSource, facts: KnownFacts): string | null {
  const source = sourceNameOf(settings, facts.clone?.value);
  return source === null ? null : undeclaredSource(source);
}
