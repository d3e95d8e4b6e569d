import type { FromDashboard, HostId, Metrics } from "@nixfleet/protocol";

/** What is known of a host only live, and stored nowhere. */
export interface HostPresence {
  /** Null: not connected. */
  readonly connectedSince: number | null;
  /** Any sign of life on its last link; null: none since this dashboard started. */
  readonly lastHeardAt: number | null;
  readonly metrics: Metrics | null;
  /** Another machine has tried to be this host, and was refused. */
  readonly conflict: {
    readonly at: number;
    readonly reason: string /** Of the process that tried. */;
    readonly instance: string;
  } | null;
  /** Why its last link was not accepted; null: it was. `unsupported`: since it speaks another protocol. */
  readonly lastRefused: { readonly at: number; readonly reason: string; readonly unsupported: boolean } | null;
}

/**
 * Which hosts are connected, and a way to speak to them. Implemented by `links/`; with several processes one implementation may ask
 * the others.
 */
export interface Presence {
  of(hostId: HostId): HostPresence;
  isConnected(hostId: HostId): boolean;
  /** A message to a host that is not connected is dropped. */
  send(hostId: HostId, message: FromDashboard): void;
  /** Whether the host's agent answers a ping before the signal aborts. False at once if it is not connected. */
  answers(hostId: HostId, signal: AbortSignal): Promise<boolean>;
}

/** A host of which nothing was heard. */
export const NO_PRESENCE: HostPresence = {
  connectedSince: null,
  lastHeardAt: null,
  metrics: null,
  conflict: null,
  lastRefused: null,
};
