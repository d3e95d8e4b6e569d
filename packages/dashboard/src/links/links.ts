import type { HostId } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import { type HostPresence, storeLastSeen } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import type { Runs } from "../runs/index.ts";
import type { LinkSocket } from "../server-socket.ts";
import { StorageUnavailable, type Store } from "../store/index.ts";
import { createHandshake } from "./handshake.ts";
import { createLink, type Link } from "./link.ts";
import { createLinkRefusals } from "./link-refusals.ts";
import type { LinkTable } from "./link-table.ts";
import { createLiveness } from "./liveness.ts";
import { BATCH_DELAY, createMessageIntake } from "./message-intake.ts";
import { createWatchers } from "./watchers.ts";

/** How long links may take to close when the dashboard stops, in milliseconds. */
const CLOSE_TIMEOUT = 2000;

/** The links to all agents. */
export interface AgentLinks extends AsyncDisposable {
  start(): void;
  /** Takes over a socket whose host token is valid. */
  accept(socket: LinkSocket, from: { hostId: HostId; address: string }): void;
  /** Records why an agent that named this host was rejected; `unsupported`: because of its protocol. */
  recordRefused(hostId: HostId, reason: string, unsupported?: boolean): void;
  presence(hostId: HostId): HostPresence;
  /** While somebody watches this host, it sends metrics every interval. Ends when the returned function is called. */
  watch(hostId: HostId): () => void;
  readonly connected: number;
  readonly stopping: boolean;
  /** Tells every agent when to reconnect, spread over time, and closes (R48). */
  stop(): Promise<void>;
}

export interface AgentLinksDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  runs: Runs;
  table: LinkTable<Link>;
  /** Between 0 and 1. */
  random: () => number;
}

export function createAgentLinks(deps: AgentLinksDeps): AgentLinks {
  const { store, bus, clock, log, runs, table, random } = deps;
  const all = new Set<Link>();
  /** Including closed links whose connection still exists. */
  const connections = new Set<Link>();
  const listening = new AbortController();
  let stopping = false;

  const logFailure = (message: string) => (error: unknown) => {
    // The dashboard is stopping: events that were not stored were not acknowledged and are sent again.
    if (!(error instanceof StorageUnavailable)) log.error({ err: error }, message);
  };

  const refusals = createLinkRefusals({ table, bus, clock, log });
  const { watch, isWatched } = createWatchers(table);
  const answerHello = createHandshake({ store, bus, clock, runs, table, refusals, isWatched, isStopping: () => stopping });
  const intake = createMessageIntake({ store, bus, runs, table, refusals, logFailure });
  const liveness = createLiveness({ clock, store, table, links: all, logFailure });

  function accept(socket: LinkSocket, { hostId, address }: { hostId: HostId; address: string }): void {
    const link: Link = createLink(
      socket,
      { hostId, address, now: () => clock.now() },
      {
        hello: (hello) => void answerHello(link, hello).catch((error: unknown) => failedHello(link, error)),
        message: (message, size) => intake.receive(link, message, size),
        fault: (reason) => refusals.refuse(link, reason, "An agent sent an invalid message; its link was closed"),
        closed: () => closed(link),
      },
    );
    all.add(link);
    connections.add(link);
    void link.gone.then(() => connections.delete(link));
    if (stopping) link.goodbye("shutting-down", "The dashboard is restarting.", reconnectDelay());
  }

  /** An agent that was not welcomed, or whose hello could not be stored, comes back and says it again. */
  function failedHello(link: Link, error: unknown): void {
    logFailure("A hello could not be handled")(error);
    if (link.state !== "open" || error instanceof StorageUnavailable) link.close(1011, "Internal error.");
  }

  function closed(link: Link): void {
    const { hostId } = link;
    all.delete(link);
    intake.forget(link);
    if (!table.remove(hostId, link)) return;
    const seenAt = link.lastHeardAt;
    table.update(hostId, { connectedSince: null, lastHeardAt: seenAt, metrics: null });
    bus.emit("presence.changed", { hostId });
    const stored = store.change((change) => storeLastSeen(change, hostId, seenAt), {
      batchDelay: BATCH_DELAY,
      whenUnavailable: "wait",
    });
    Promise.all([stored, runs.linkDown(hostId)]).catch(logFailure("The end of a link could not be stored"));
  }

  /** Seconds; more agents reconnect over a longer time. */
  const reconnectDelay = () => Math.round((1 + random() * Math.min(30, table.size / 50)) * 10) / 10;

  const links: AgentLinks = {
    start() {
      liveness.start();
      const options = { owner: "agent links", signal: listening.signal };
      const end = (hostId: HostId, code: "revoked" | "removed", reason: string) => {
        for (const link of [...all]) if (link.hostId === hostId) link.goodbye(code, reason, null);
      };
      bus.on(
        "token.ended",
        ({ hostId }) => {
          end(hostId, "revoked", "The host's token was replaced or revoked.");
          // By that token nobody claims the host any more.
          table.update(hostId, { conflict: null });
          bus.emit("presence.changed", { hostId });
        },
        options,
      );
      bus.on(
        "host.removed",
        ({ hostId }) => {
          end(hostId, "removed", "This host was removed from the dashboard.");
          table.forget(hostId);
          refusals.forget(hostId);
        },
        options,
      );
    },
    accept,
    recordRefused: refusals.record,
    presence: table.of,
    watch,
    get connected() {
      return table.size;
    },
    get stopping() {
      return stopping;
    },
    async stop() {
      if (stopping) return;
      stopping = true;
      listening.abort();
      await liveness.stop();
      for (const link of [...all]) link.goodbye("shutting-down", "The dashboard is restarting.", reconnectDelay());
      const limit = Promise.withResolvers<void>();
      const timer = clock.setTimeout(limit.resolve, CLOSE_TIMEOUT);
      await Promise.race([Promise.all([...connections].map((link) => link.gone)), limit.promise]);
      timer.cancel();
      for (const link of [...connections]) link.terminate();
    },
    [Symbol.asyncDispose]: () => links.stop(),
  };
  return links;
}
