import { type FromAgent, type FromAgentOf, MAX_UNACKNOWLEDGED_BYTES, type RunId } from "@nixfleet/protocol";
import type { Bus } from "../bus.ts";
import type { Runs } from "../runs/index.ts";
import type { SharedWrites } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkRefusals } from "./link-refusals.ts";
import type { LinkTable } from "./link-table.ts";

/** What may wait to be stored: of one link twice what an agent may have unacknowledged, and of all. In characters. */
const WAITING_LIMIT = 2 * MAX_UNACKNOWLEDGED_BYTES;
const ALL_WAITING_LIMIT = 64 * 1024 * 1024;
/** How long what nobody waits for may wait for company before it is stored, in milliseconds; lines of a log, which somebody reads. */
export const COMPANY = 100;
const COMPANY_OF_LINES = 25;

/** What agents say over their open links. */
export interface Receiving {
  /** Takes a message of `size` characters. */
  receive(link: Link, message: Exclude<FromAgent, { type: "hello" | "pong" }>, size: number): void;
  /** The link is closed. */
  forget(link: Link): void;
}

export interface ReceivingDeps {
  writes: SharedWrites;
  bus: Bus;
  runs: Pick<Runs, "facts" | "events" | "refused" | "announce">;
  table: LinkTable<Link>;
  refusals: LinkRefusals;
  /** Logs a fault of the dashboard's own. */
  bug(what: string): (error: unknown) => void;
}

export function createReceiving({ writes, bus, runs, table, refusals, bug }: ReceivingDeps): Receiving {
  const waitingOf = new Map<Link, number>();
  let waiting = 0;

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
      refusals.logOnce(link.hostId, "too much waits", "An agent sends more than can be stored; its link is closed");
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
    refusals.refuse(link, reason, "An agent sent what cannot be taken; its link is closed");
  }

  return {
    receive,
    forget(link) {
      if (waitingOf.get(link) === 0) waitingOf.delete(link);
    },
  };
}
