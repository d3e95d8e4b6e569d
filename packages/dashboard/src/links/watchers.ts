import type { HostId } from "@nixfleet/protocol";
import type { HostLinks } from "../runs/index.ts";

/** Which hosts somebody looks at: their agents measure more often meanwhile. */
export interface Watching {
  /** Somebody looks at this host, until the returned function is called. */
  watch(hostId: HostId): () => void;
  isWatched(hostId: HostId): boolean;
}

export function createWatching(links: Pick<HostLinks, "send">): Watching {
  const watchers = new Map<HostId, number>();
  return {
    watch(hostId) {
      const count = watchers.get(hostId) ?? 0;
      watchers.set(hostId, count + 1);
      if (count === 0) links.send(hostId, { type: "watch", on: true });
      let watching = true;
      return () => {
        if (!watching) return;
        watching = false;
        const left = (watchers.get(hostId) ?? 1) - 1;
        if (left > 0) watchers.set(hostId, left);
        else {
          watchers.delete(hostId);
          links.send(hostId, { type: "watch", on: false });
        }
      };
    },
    isWatched: (hostId) => watchers.has(hostId),
  };
}
