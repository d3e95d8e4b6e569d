import {
  type FromAgent,
  type FromAgentOf,
  type HostId,
  MAX_UNACKNOWLEDGED_BYTES,
  PROTOCOL_VERSION,
  type RunId,
  SILENCE_LIMIT,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import { storeHello, storeSeen } from "../fleet/host-seen.ts";
import type { Logger } from "../logger.ts";
import type { Runs } from "../runs/index.ts";
import { type SharedWrites, StorageUnavailable, type Store } from "../store/index.ts";
import { createLink, type Link } from "./link.ts";
import type { LinkSocket } from "./link-socket.ts";
import type { HostLive, LinkTable } from "./link-table.ts";

/** How long an agent may take to say hello, in milliseconds. */
const HELLO_LIMIT = 15_000;
/** How long the agent of an open link may take to answer when another one claims its host, in milliseconds. */
export const CLAIM_LIMIT = 5000;
const SWEEP_INTERVAL = 5000;
const SEEN_INTERVAL = 60_000;
/** What may wait to be stored: of one link twice what an agent may have unacknowledged, and of all. In characters. */
const WAITING_LIMIT = 2 * MAX_UNACKNOWLEDGED_BYTES;
const ALL_WAITING_LIMIT = 64 * 1024 * 1024;
/** How long what nobody waits for may wait for company before it is stored, in milliseconds; lines of a log, which somebody reads. */
const COMPANY = 100;
const COMPANY_OF_LINES = 25;
/** The same fault of the same host is logged again after this time, in milliseconds. */
const LOG_AGAIN_AFTER = 600_000;
/** How long links may take to close when the dashboard stops, in milliseconds. */
const CLOSE_LIMIT = 2000;

/** The links to all agents. */
export interface AgentLinks extends AsyncDisposable {
  start(): void;
  /** Takes over a socket whose host token was accepted. */
  accept(socket: LinkSocket, from: { hostId: HostId; address: string }): void;
  /** Records why somebody who named this host was not let in; `unsupported`: since it speaks another protocol. */
  noteRefused(hostId: HostId, reason: string, unsupported?: boolean): void;
  live(hostId: HostId): HostLive;
  /** Somebody looks at this host: it sends metrics every interval until the returned function is called. */
  watch(hostId: HostId): () => void;
  readonly connected: number;
  readonly stopping: boolean;
  /** Tells every agent when to come back, spread so that they do not come at once, and closes (R48). */
  stop(): Promise<void>;
}

export interface AgentLinksDeps {
  store: Store;
  writes: SharedWrites;
  bus: Bus;
  clock: Clock;
  log: Logger;
  runs: Runs;
  table: LinkTable<Link>;
  /** Between 0 and 1. */
  random: () => number;
}

export function createAgentLinks(deps: AgentLinksDeps): AgentLinks {
  const { store, writes, bus, clock, log, runs, table, random } = deps;
  const all = new Set<Link>();
  /** With those that are closed while their connection is not gone yet. */
  const connections = new Set<Link>();
  const waitingOf = new Map<Link, number>();
  const claims = new Set<HostId>();
  const watchers = new Map<HostId, number>();
  const logged = new Map<HostId, number>();
  const listening = new AbortController();
  const timers = new Set<{ cancel(): void }>();
  let waiting = 0;
  let nonces = 0;
  let stopping = false;

  const bug = (what: string) => (error: unknown) => {
    // The dashboard is stopping: what was not stored was not acknowledged, and comes again.
    if (!(error instanceof StorageUnavailable)) log.error({ err: error }, what);
  };

  function logOnce(hostId: HostId, reason: string, what: string): void {
    const now = clock.now();
    if (now - (logged.get(hostId) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_AFTER) return;
    logged.set(hostId, now);
    log.warn({ hostId, reason }, what);
  }

  function accept(socket: LinkSocket, { hostId, address }: { hostId: HostId; address: string }): void {
    const link: Link = createLink(
      socket,
      { hostId, address, now: () => clock.now() },
      {
        hello: (hello) => void greet(link, hello).catch(bug("A hello could not be handled")),
        message: (message, size) => receive(link, message, size),
        fault: (reason) => refuse(link, reason, "An agent sent what cannot be taken; its link is closed"),
        closed: () => closed(link),
      },
    );
    all.add(link);
    connections.add(link);
    void link.gone.then(() => connections.delete(link));
    if (stopping) link.goodbye("shutting-down", "The dashboard is restarting.", spreadReturn());
  }

  function refuse(link: Link, reason: string, what: string, unsupported = false): void {
    logOnce(link.hostId, reason, what);
    noteRefused(link.hostId, reason, unsupported);
  }

  function noteRefused(hostId: HostId, reason: string, unsupported = false): void {
    const before = table.live(hostId).lastRefused;
    table.change(hostId, { lastRefused: { at: clock.now(), reason, unsupported } });
    // Whoever knocks again and again changes nothing that a page would have to draw each time.
    if (before?.reason !== reason || clock.now() - before.at > SWEEP_INTERVAL) bus.emit("host.changed", { hostId });
  }

  async function greet(link: Link, hello: FromAgentOf<"hello">): Promise<void> {
    const { hostId } = link;
    if (hello.protocol !== PROTOCOL_VERSION) {
      const update = hello.protocol > PROTOCOL_VERSION ? "Update the dashboard" : "Update the agent: pull and switch this host";
      const reason = `The agent speaks protocol ${hello.protocol}, this dashboard ${PROTOCOL_VERSION}. ${update}.`;
      link.goodbye("unsupported-protocol", reason, null);
      refuse(link, reason, "An agent speaks another protocol", true);
      return;
    }
    if (!(await mayTakeOver(link))) {
      const reason = "Another agent is connected as this host, and answers. Give each machine a host and token of its own.";
      link.goodbye("conflict", reason, null);
      table.change(hostId, {
        conflict: { at: clock.now(), reason: `A second agent, at ${link.address}, claims to be this host.` },
      });
      refuse(link, reason, "A second agent claims to be a host that is connected");
      return;
    }
    // The seqs are read before anything waits in line: if more is stored by then, what comes again changes nothing.
    const stored = await storedSeqs(hostId, hello);
    if (link.state === "closed" || stopping) return;

    table.get(hostId)?.terminate();
    table.set(hostId, link);
    table.change(hostId, { connectedSince: clock.now(), lastWordAt: clock.now(), lastRefused: null });
    link.open();
    link.send({ type: "welcome", hostId, serverTime: clock.now(), runs: stored });
    if (watchers.has(hostId)) link.send({ type: "watch", on: true });
    bus.emit("host.changed", { hostId });

    const changes = await writes.add(
      async (trx) => {
        await storeHello(trx, hostId, hello, { at: clock.now(), from: link.address });
        return await runs.linkUp(trx, hostId, hello.runs);
      },
      { within: COMPANY },
    );
    runs.announce(changes);
    bus.emit("host.changed", { hostId });
  }

  /**
   * R30: of two links that claim one host, the one that is there stays if its agent answers. An agent that has come back as the same
   * process has given its old link up itself.
   */
  async function mayTakeOver(link: Link): Promise<boolean> {
    const { hostId } = link;
    const there = table.get(hostId);
    if (there === undefined || there.instance === link.instance) return true;
    if (claims.has(hostId)) return false;
    claims.add(hostId);
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), CLAIM_LIMIT);
    try {
      return !(await there.ping(`claim-${++nonces}`, limit.signal));
    } finally {
      timer.cancel();
      claims.delete(hostId);
    }
  }

  async function storedSeqs(hostId: HostId, hello: FromAgentOf<"hello">) {
    const ids = hello.runs.map(({ runId }) => runId);
    if (ids.length === 0) return [];
    const rows = await store.db
      .selectFrom("runs")
      .select(["id", "stored_seq"])
      .where("id", "in", ids)
      .where("host_id", "=", hostId)
      // A run that waits was never sent: a host that has it got it from a database that is no more.
      .where("state", "!=", "queued")
      .execute();
    const seqs = new Map(rows.map((row) => [row.id, row.stored_seq]));
    return ids.map((runId) => ({ runId, storedSeq: seqs.get(runId) ?? 0, known: seqs.has(runId) }));
  }

  function receive(link: Link, message: Exclude<FromAgent, { type: "hello" | "pong" }>, size: number): void {
    const { hostId } = link;
    switch (message.type) {
      case "metrics":
        table.change(hostId, { metrics: message.metrics });
        bus.emit("host.metrics", { hostId });
        break;
      case "facts":
        void queued(link, size, async () => {
          const { changes, factsChanged } = await writes.add((trx) => runs.facts(trx, hostId, message.reading), {
            within: COMPANY,
          });
          runs.announce(changes);
          if (factsChanged) bus.emit("host.changed", { hostId });
        });
        break;
      case "runEvents":
        void queued(link, size, () => storeEvents(link, message));
        break;
      case "runRefused":
        void queued(link, size, async () => {
          const { runId, code, reason } = message;
          runs.announce(await writes.add((trx) => runs.refused(trx, hostId, runId, code, reason)));
        });
        break;
      default:
        message satisfies never;
    }
  }

  /** Bounds what waits to be stored. An agent whose link is closed for it has lost nothing: it sends again what was not acknowledged. */
  async function queued(link: Link, size: number, work: () => Promise<void>): Promise<void> {
    const ofLink = (waitingOf.get(link) ?? 0) + size;
    if (ofLink > WAITING_LIMIT || waiting + size > ALL_WAITING_LIMIT) {
      logOnce(link.hostId, "too much waits", "An agent sends more than can be stored; its link is closed");
      link.close(1013, "Too much waits to be stored. Come back later.");
      return;
    }
    waitingOf.set(link, ofLink);
    waiting += size;
    try {
      await work();
    } catch (error) {
      bug("What an agent sent could not be stored; its link is closed")(error);
      link.close(1011, "The dashboard met a fault of its own.");
    } finally {
      waiting -= size;
      waitingOf.set(link, (waitingOf.get(link) ?? size) - size);
      if (link.state === "closed" && waitingOf.get(link) === 0) waitingOf.delete(link);
    }
  }

  async function storeEvents(link: Link, { runId, events }: { runId: RunId } & FromAgentOf<"runEvents">): Promise<void> {
    const { hostId } = link;
    const within = events.every(({ kind }) => kind === "log" || kind === "progress") ? COMPANY_OF_LINES : 0;
    const received = await writes.add((trx) => runs.events(trx, hostId, runId, events), { within });
    switch (received.kind) {
      case "stored":
        // Only now: what is acknowledged is on the disk, and its agent forgets it.
        link.send({ type: "ack", runId, storedSeq: received.storedSeq });
        runs.announce(received.changes);
        if (received.factsChanged) bus.emit("host.changed", { hostId });
        break;
      case "unknown":
        break;
      case "foreign":
        fault(link, "runEvents.runId: the run is not of this host.");
        break;
      case "gap":
        // What is missing is still on the host: the next welcome tells it where to go on.
        fault(link, `runEvents.events.0.seq: ${received.storedSeq + 1} is the next one.`, 5);
        break;
      default:
        received satisfies never;
    }
  }

  function fault(link: Link, reason: string, comeBackAfter: number | null = null): void {
    if (link.state === "closed") return;
    link.goodbye("invalid-message", reason, comeBackAfter);
    refuse(link, reason, "An agent sent what cannot be taken; its link is closed");
  }

  function closed(link: Link): void {
    const { hostId } = link;
    all.delete(link);
    if (waitingOf.get(link) === 0) waitingOf.delete(link);
    if (!table.remove(hostId, link)) return;
    const seenAt = link.lastWordAt;
    table.change(hostId, { connectedSince: null, lastWordAt: seenAt, metrics: null });
    bus.emit("host.changed", { hostId });
    writes
      .add(
        async (trx) => {
          await storeSeen(trx, [hostId], seenAt);
          return await runs.linkDown(trx, hostId);
        },
        { within: COMPANY },
      )
      .then((changes) => runs.announce(changes))
      .catch(bug("The end of a link could not be stored"));
  }

  function every(interval: number, work: () => void): void {
    let timer: { cancel(): void };
    const again = () => {
      timers.delete(timer);
      work();
      set();
    };
    const set = () => {
      timer = clock.setTimeout(again, interval);
      timers.add(timer);
    };
    set();
  }

  function sweep(): void {
    const now = clock.now();
    for (const link of [...all]) {
      if (now - link.lastWordAt > SILENCE_LIMIT) link.terminate();
      else if (link.state === "waiting" && now - link.openedAt > HELLO_LIMIT) link.terminate();
    }
  }

  function noteSeen(): void {
    const connected = [...table.entries()].map(([hostId]) => hostId);
    if (connected.length === 0) return;
    writes
      .add((trx) => storeSeen(trx, connected, clock.now()), { within: COMPANY })
      .catch(bug("It could not be stored which hosts are connected"));
  }

  /** Seconds; the more agents there are, the longer the time over which they come back. */
  const spreadReturn = () => Math.round((1 + random() * Math.min(30, table.size / 50)) * 10) / 10;

  const links: AgentLinks = {
    start() {
      every(SWEEP_INTERVAL, sweep);
      every(SEEN_INTERVAL, noteSeen);
      const options = { owner: "agent links", signal: listening.signal };
      const end = (hostId: HostId, code: "revoked" | "removed", reason: string) => {
        for (const link of [...all]) if (link.hostId === hostId) link.goodbye(code, reason, null);
      };
      bus.on("token.ended", ({ hostId }) => end(hostId, "revoked", "The host's token was replaced or revoked."), options);
      bus.on(
        "host.removed",
        ({ hostId }) => {
          end(hostId, "removed", "This host was removed from the dashboard.");
          table.forget(hostId);
          logged.delete(hostId);
        },
        options,
      );
    },
    accept,
    noteRefused,
    live: (hostId) => {
      const link = table.get(hostId);
      const live = table.live(hostId);
      return link === undefined ? live : { ...live, lastWordAt: link.lastWordAt };
    },
    watch(hostId) {
      const count = watchers.get(hostId) ?? 0;
      watchers.set(hostId, count + 1);
      if (count === 0) table.send(hostId, { type: "watch", on: true });
      let watching = true;
      return () => {
        if (!watching) return;
        watching = false;
        const left = (watchers.get(hostId) ?? 1) - 1;
        if (left > 0) watchers.set(hostId, left);
        else {
          watchers.delete(hostId);
          table.send(hostId, { type: "watch", on: false });
        }
      };
    },
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
      for (const timer of timers) timer.cancel();
      for (const link of [...all]) link.goodbye("shutting-down", "The dashboard is restarting.", spreadReturn());
      const limit = Promise.withResolvers<void>();
      const timer = clock.setTimeout(limit.resolve, CLOSE_LIMIT);
      await Promise.race([Promise.all([...connections].map((link) => link.gone)), limit.promise]);
      timer.cancel();
      for (const link of [...connections]) link.terminate();
    },
    [Symbol.asyncDispose]: () => links.stop(),
  };
  return links;
}
