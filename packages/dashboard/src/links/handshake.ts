import { type FromAgentOf, type HostId, PROTOCOL_VERSION } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import { storeHello } from "../hosts/index.ts";
import type { Runs } from "../runs/index.ts";
import type { SharedWrites, Store } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkRefusals } from "./link-refusals.ts";
import type { LinkTable } from "./link-table.ts";
import { COMPANY } from "./message-intake.ts";

/** How long the agent of an open link may take to answer when another one claims its host, in milliseconds. */
const CLAIM_LIMIT = 5000;

export interface GreetingDeps {
  store: Store;
  writes: SharedWrites;
  bus: Bus;
  clock: Clock;
  runs: Pick<Runs, "linkUp" | "announce">;
  table: LinkTable<Link>;
  refusals: LinkRefusals;
  isWatched(hostId: HostId): boolean;
  isStopping(): boolean;
}

/** Answers the hello of an agent: lets it in as its host, or sends it away and says why. */
export function createGreeting(deps: GreetingDeps): (link: Link, hello: FromAgentOf<"hello">) => Promise<void> {
  const { store, writes, bus, clock, runs, table, refusals } = deps;
  const claims = new Set<HostId>();
  let nonces = 0;

  async function greet(link: Link, hello: FromAgentOf<"hello">): Promise<void> {
    const { hostId } = link;
    if (hello.protocol !== PROTOCOL_VERSION) {
      const update = hello.protocol > PROTOCOL_VERSION ? "Update the dashboard" : "Update the agent: pull and switch this host";
      const reason = `The agent speaks protocol ${hello.protocol}, this dashboard ${PROTOCOL_VERSION}. ${update}.`;
      link.goodbye("unsupported-protocol", reason, null);
      refusals.refuse(link, reason, "An agent speaks another protocol", true);
      return;
    }
    if (!(await mayTakeOver(link))) {
      const reason = "Another agent is connected as this host, and answers. Give each machine a host and token of its own.";
      link.goodbye("conflict", reason, null);
      table.change(hostId, {
        conflict: { at: clock.now(), reason: `A second agent, at ${link.address}, claims to be this host.` },
      });
      refusals.refuse(link, reason, "A second agent claims to be a host that is connected");
      return;
    }
    // The seqs are read before anything waits in line: if more is stored by then, what comes again changes nothing.
    const stored = await storedSeqs(hostId, hello);
    if (link.state === "closed" || deps.isStopping()) return;

    table.get(hostId)?.terminate();
    table.set(hostId, link);
    table.change(hostId, { connectedSince: clock.now(), lastWordAt: clock.now(), lastRefused: null });
    link.open();
    link.send({ type: "welcome", hostId, serverTime: clock.now(), runs: stored });
    if (deps.isWatched(hostId)) link.send({ type: "watch", on: true });
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

  return greet;
}
