import type { FromDashboard, HostId } from "@nixfleet/protocol";
import { type HostPresence, NO_PRESENCE, type Presence } from "../hosts/index.ts";

/** An open link, as the table knows it. */
export interface TableEntry {
  readonly lastHeardAt: number;
  send(message: FromDashboard): void;
  ping(nonce: string, signal: AbortSignal): Promise<boolean>;
}

/** The open links of this process, by host, and the live state of hosts. */
export interface LinkTable<E extends TableEntry = TableEntry> extends Presence {
  get(hostId: HostId): E | undefined;
  set(hostId: HostId, entry: E): void;
  /** Removes this entry; false if another one has replaced it. */
  remove(hostId: HostId, entry: E): boolean;
  entries(): IterableIterator<[HostId, E]>;
  readonly size: number;
  update(hostId: HostId, change: Partial<HostPresence>): void;
  forget(hostId: HostId): void;
}

export function createLinkTable<E extends TableEntry = TableEntry>(): LinkTable<E> {
  const links = new Map<HostId, E>();
  const presences = new Map<HostId, HostPresence>();
  let pings = 0;
  return {
    get: (hostId) => links.get(hostId),
    set: (hostId, entry) => void links.set(hostId, entry),
    remove: (hostId, entry) => links.get(hostId) === entry && links.delete(hostId),
    entries: () => links.entries(),
    get size() {
      return links.size;
    },
    isConnected: (hostId) => links.has(hostId),
    send: (hostId, message) => links.get(hostId)?.send(message),
    answers: async (hostId, signal) => (await links.get(hostId)?.ping(`confirm-${++pings}`, signal)) ?? false,
    of(hostId) {
      const presence = presences.get(hostId) ?? NO_PRESENCE;
      const link = links.get(hostId);
      return link === undefined ? presence : { ...presence, lastHeardAt: link.lastHeardAt };
    },
    update: (hostId, change) => void presences.set(hostId, { ...(presences.get(hostId) ?? NO_PRESENCE), ...change }),
    forget: (hostId) => void presences.delete(hostId),
  };
}
