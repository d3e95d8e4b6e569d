import { type FromAgentOf, type HostId, PROTOCOL_VERSION } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import { storeHello } from "../hosts/index.ts";
import type { Runs } from "../runs/index.ts";
import type { Store } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkRefusals } from "./link-refusals.ts";
import type { LinkTable } from "./link-table.ts";
import { BATCH_DELAY } from "./message-intake.ts";

/** How long the agent of an open link may take to answer when another one claims its host, in milliseconds. */
const CLAIM_TIMEOUT = 5000;

export interface HandshakeDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  runs: Pick<Runs, "positions" | "linkUp">;
  table: LinkTable<Link>;
  refusals: LinkRefusals;
  isWatched(hostId: HostId): boolean;
  isStopping(): boolean;
}

/** Answers the hello of an agent: accepts it as its host, or rejects it with a reason. */
export function createHandshake(deps: HandshakeDeps): (link: Link, hello: FromAgentOf<"hello">) => Promise<void> {
  const { store, bus, clock, runs, table, refusals } = deps;
  /** Pings of open links whose hosts others claim: one ping per link, however many claim the host. */
  const pendingPings = new Map<Link, Promise<boolean>>();
  let nonces = 0;
  const isOver = (link: Link) => link.state === "closed" || deps.isStopping();

  async function answerHello(link: Link, hello: FromAgentOf<"hello">): Promise<void> {
    const { hostId } = link;
    if (hello.protocol !== PROTOCOL_VERSION) {
      const update = hello.protocol > PROTOCOL_VERSION ? "Update the dashboard" : "Update the agent: pull and switch this host";
      const reason = `The agent speaks protocol ${hello.protocol}, this dashboard ${PROTOCOL_VERSION}. ${update}.`;
      link.goodbye("unsupported-protocol", reason, null);
      refusals.refuse(link, reason, "An agent speaks an unsupported protocol", true);
      return;
    }
    // Read the seqs before anything waits in the queue: events that are stored meanwhile and sent again change nothing. Between the decision
    // whose the host is and the link's place in the table nothing is waited for: of two that come at once, one is there first.
    const stored = await runs.positions(hostId, hello.runs);
    if (isOver(link)) return;
    const isTaken = await isTakenByAnother(link);
    if (isOver(link)) return;
    if (isTaken) {
      const reason = "Another agent is already connected as this host. Give each machine its own host and token.";
      link.goodbye("conflict", reason, null);
      const conflict = `A second agent, at ${link.address}, claims to be this host.`;
      table.update(hostId, { conflict: { at: clock.now(), reason: conflict, instance: link.instance } });
      refusals.refuse(link, reason, "A second agent claims to be a host that is connected");
      return;
    }
    table.get(hostId)?.terminate();
    table.set(hostId, link);
    const now = clock.now();
    // An agent that is accepted now was not a second machine.
    const { conflict } = table.of(hostId);
    table.update(hostId, {
      connectedSince: now,
      lastHeardAt: now,
      lastRefused: null,
      ...(conflict?.instance === link.instance ? { conflict: null } : {}),
    });
    link.open();
    link.send({ type: "welcome", hostId, serverTime: now, runs: stored });
    if (deps.isWatched(hostId)) link.send({ type: "watch", on: true });
    bus.emit("presence.changed", { hostId });

    const from = { at: now, from: link.address };
    await store.change((change) => storeHello(change, hostId, hello, from), { batchDelay: BATCH_DELAY, whenUnavailable: "wait" });
    await runs.linkUp(hostId, hello.runs, link.startedRuns);
  }

  /**
   * R30: of two links that claim one host, the existing one stays if its agent answers. An agent that reconnects as the same process
   * has given up its old link itself. Claims during an undecided claim wait for the decision.
   */
  async function isTakenByAnother(link: Link): Promise<boolean> {
    for (;;) {
      const current = table.get(link.hostId);
      if (current === undefined || current.instance === link.instance) return false;
      if (await answers(current)) return table.get(link.hostId) === current;
      const now = table.get(link.hostId);
      if (now === current || now === undefined || link.state === "closed") return false;
    }
  }

  function answers(current: Link): Promise<boolean> {
    const pending = pendingPings.get(current);
    if (pending !== undefined) return pending;
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), CLAIM_TIMEOUT);
    const ping = current.ping(`claim-${++nonces}`, limit.signal).finally(() => {
      timer.cancel();
      pendingPings.delete(current);
    });
    pendingPings.set(current, ping);
    return ping;
  }

  return answerHello;
}
