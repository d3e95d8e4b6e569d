import type { HostId } from "@nixfleet/protocol";
import type { Presence } from "../hosts/index.ts";

/** Which hosts are being watched: their agents measure more often. */
export interface Watchers {
  /** Watches this host until the returned function is called. */
  watch(hostId: HostId): () => void;
  isWatched(hostId: HostId): boolean;
}

export function createWatchers(presence: Pick<Presence, "send">): Watchers {
  const watchers = new Map<HostId, number>();
  return {
    watch(hostId) {
      const count = watchers.get(hostId) ?? 0;
      watchers.set(hostId, count + 1);
      if (count === 0) presence.send(hostId, { type: "watch", on: true });
      let watching = true;
      return () => {
        if (!watching) return;
        watching = false;
        const left = (watchers.get(hostId) ?? 1) - 1;
        if (left > 0) watchers.set(hostId, left);
        else {
          watchers.delete(hostId);
          presence.send(hostId, { type: "watch", on: false });
        }
      };
    },
    isWatched: (hostId) => watchers.has(hostId),
  };
}
