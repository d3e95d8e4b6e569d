import type { Reachability, Timestamp } from "@nixfleet/protocol";

/** A host that disconnected counts as stale for this long, then as offline; in milliseconds. */
export const STALE_LIMIT = 5 * 60_000;

export interface HostReach {
  readonly state: Reachability;
  /** Online: when its link was opened. Otherwise: when it was last seen. */
  readonly since: Timestamp | null;
}

/** Whether a host is reachable; says nothing about its configuration. `changesIn`: milliseconds until the passage of time changes it. */
export function reachability(
  host: { readonly connectedSince: Timestamp | null; readonly lastSeenAt: Timestamp | null },
  now: number,
): HostReach & { readonly changesIn: number | null } {
  if (host.connectedSince !== null) return { state: "online", since: host.connectedSince, changesIn: null };
  if (host.lastSeenAt === null) return { state: "never", since: null, changesIn: null };
  const left = host.lastSeenAt + STALE_LIMIT - now;
  if (left > 0) return { state: "stale", since: host.lastSeenAt, changesIn: left };
  return { state: "offline", since: host.lastSeenAt, changesIn: null };
}
