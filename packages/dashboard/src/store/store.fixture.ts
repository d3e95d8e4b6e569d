import type { FromDashboard, HostId } from "@nixfleet/protocol";
import { type Clock, systemClock } from "@nixfleet/runtime";
import { createBus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { openStore, type StoreDeps } from "./index.ts";

export const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A store with its bus; what changes send to hosts is kept in `sent`. In memory unless a path is given. */
export async function openTestStore({
  path = ":memory:",
  clock = systemClock,
  log = quiet,
  onLimit,
  aroundStatement,
}: {
  path?: string;
  clock?: Clock;
  log?: Logger;
  onLimit?: StoreDeps["onLimit"];
  aroundStatement?: StoreDeps["aroundStatement"];
} = {}) {
  const { bus, publish } = createBus({ log });
  const sent: { hostId: HostId; message: FromDashboard }[] = [];
  const send = (hostId: HostId, message: FromDashboard) => void sent.push({ hostId, message });
  const store = await openStore({ path, clock, bus, publish, send, log, onLimit, aroundStatement });
  return { store, bus, publish, sent };
}
