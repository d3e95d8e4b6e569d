import type { FromDashboard, HostId, Metrics } from "@nixfleet/protocol";

/** Live state of a host, which is not stored. */
export interface HostPresence {
  /** Null: not connected. */
  readonly connectedSince: number | null;
  /** Last sign of life on any link; null: none since this dashboard started. */
  readonly lastHeardAt: number | null;
  readonly metrics: Metrics | null;
  /** Another machine tried to connect as this host and was refused. */
  readonly conflict: {
    readonly at: number;
    readonly reason: string /** Of the process that tried. */;
    readonly instance: string;
  } | null;
  /** Why its last link was refused; null: it was accepted. `unsupported`: because of its protocol. */
  readonly lastRefused: { readonly at: number; readonly reason: string; readonly unsupported: boolean } | null;
}

/**
 * Which hosts are connected, and a way to send to them. Implemented by `links/`; with several processes, an implementation could
 * ask the others.
 */
export interface Presence {
  of(hostId: HostId): HostPresence;
  isConnected(hostId: HostId): boolean;
  /** A message to a host that is not connected is dropped. */
  send(hostId: HostId, message: FromDashboard): void;
  /** Whether the host's agent answers a ping before the signal aborts. False at once if it is not connected. */
  answers(hostId: HostId, signal: AbortSignal): Promise<boolean>;
}

/** The presence of a host that has not connected. */
export const NO_PRESENCE: HostPresence = {
  connectedSince: null,
  lastHeardAt: null,
  metrics: null,
  conflict: null,
  lastRefused: null,
};
