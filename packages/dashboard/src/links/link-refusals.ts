import type { HostId } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import type { Link } from "./link.ts";
import type { LinkTable } from "./link-table.ts";

/** The same fault of the same host is logged again after this time, in milliseconds. */
const LOG_INTERVAL = 600_000;
/** The same refusal of the same host is shown again after this time, in milliseconds. */
const PUBLISH_INTERVAL = 5000;

/** Why agents were rejected or disconnected, for the log and the pages. */
export interface LinkRefusals {
  logOnce(hostId: HostId, reason: string, message: string): void;
  /** Records why an agent that named this host was rejected; `unsupported`: because of its protocol. */
  record(hostId: HostId, reason: string, unsupported?: boolean): void;
  /** Logs `message` and records the refusal. */
  refuse(link: Link, reason: string, message: string, unsupported?: boolean): void;
  forget(hostId: HostId): void;
}

export function createLinkRefusals({
  table,
  bus,
  clock,
  log,
}: {
  table: LinkTable<Link>;
  bus: Bus;
  clock: Clock;
  log: Logger;
}): LinkRefusals {
  const logged = new Map<HostId, number>();

  function logOnce(hostId: HostId, reason: string, message: string): void {
    const now = clock.now();
    if (now - (logged.get(hostId) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL) return;
    logged.set(hostId, now);
    log.warn({ hostId, reason }, message);
  }

  function record(hostId: HostId, reason: string, unsupported = false): void {
    const before = table.of(hostId).lastRefused;
    table.update(hostId, { lastRefused: { at: clock.now(), reason, unsupported } });
    // Repeated attempts change nothing that a page would have to draw each time.
    if (before?.reason !== reason || clock.now() - before.at > PUBLISH_INTERVAL) bus.emit("presence.changed", { hostId });
  }

  return {
    logOnce,
    record,
    refuse(link, reason, message, unsupported = false) {
      logOnce(link.hostId, reason, message);
      record(link.hostId, reason, unsupported);
    },
    forget: (hostId) => void logged.delete(hostId),
  };
}
