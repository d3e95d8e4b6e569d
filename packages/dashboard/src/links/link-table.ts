import type { FromDashboard, HostId, Metrics } from "@nixfleet/protocol";
import type { HostLinks } from "../runs/index.ts";

/** What is known of a host only while this process runs. */
export interface HostLive {
  /** Null: not connected. */
  connectedSince: number | null;
  /** Any sign of life on its last link; null: none since this process started. */
  lastWordAt: number | null;
  metrics: Metrics | null;
  /** Another machine has tried to be this host, and was refused. */
  conflict: { at: number; reason: string } | null;
  /** Why its last link was not accepted; null: it was. `unsupported`: since it speaks another protocol. */
  lastRefused: { at: number; reason: string; unsupported: boolean } | null;
}

/** An open link, as the table knows it. */
export interface TableEntry {
  send(message: FromDashboard): void;
  ping(nonce: string, signal: AbortSignal): Promise<boolean>;
}

/** The links that are open, by host, and what is known of hosts only live. */
export interface LinkTable<E extends TableEntry = TableEntry> extends HostLinks {
  get(hostId: HostId): E | undefined;
  set(hostId: HostId, entry: E): void;
  /** Takes this entry out; false if another one stands in its place. */
  remove(hostId: HostId, entry: E): boolean;
  entries(): IterableIterator<[HostId, E]>;
  readonly size: number;
  live(hostId: HostId): HostLive;
  change(hostId: HostId, change: Partial<HostLive>): void;
  forget(hostId: HostId): void;
}

const unknown: HostLive = { connectedSince: null, lastWordAt: null, metrics: null, conflict: null, lastRefused: null };

export function createLinkTable<E extends TableEntry = TableEntry>(): LinkTable<E> {
  const links = new Map<HostId, E>();
  const live = new Map<HostId, HostLive>();
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
    answers: async (hostId, signal) => (await links.get(hostId)?.ping(`asked-${++pings}`, signal)) ?? false,
    live: (hostId) => live.get(hostId) ?? unknown,
    change: (hostId, change) => void live.set(hostId, { ...(live.get(hostId) ?? unknown), ...change }),
    forget: (hostId) => void live.delete(hostId),
  };
}
