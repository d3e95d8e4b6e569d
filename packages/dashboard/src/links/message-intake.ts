import { type FromAgent, type FromAgentOf, MAX_UNACKNOWLEDGED_BYTES, type RunId } from "@nixfleet/protocol";
import type { Bus } from "../bus.ts";
import type { Runs } from "../runs/index.ts";
import type { Store } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkRefusals } from "./link-refusals.ts";
import type { LinkTable } from "./link-table.ts";

/** Limits on unstored messages, in characters: per link twice what an agent may have unacknowledged, and in total. */
const MAX_WAITING_PER_LINK = 2 * MAX_UNACKNOWLEDGED_BYTES;
const MAX_WAITING = 64 * 1024 * 1024;
/** How long a change may wait for others to share its transaction, in milliseconds. */
export const BATCH_DELAY = 100;
/** The same for log lines, which somebody may be reading live. */
const LOG_BATCH_DELAY = 25;

/** Handles messages of agents from open links. */
export interface MessageIntake {
  /** Handles a message of `size` characters. */
  receive(link: Link, message: Exclude<FromAgent, { type: "hello" | "pong" }>, size: number): void;
  /** Call it when the link is closed. */
  forget(link: Link): void;
}

export interface MessageIntakeDeps {
  store: Store;
  bus: Bus;
  runs: Pick<Runs, "facts" | "events" | "refused" | "reported">;
  table: LinkTable<Link>;
  refusals: LinkRefusals;
  /** Logs an internal error. */
  logFailure(message: string): (error: unknown) => void;
}

export function createMessageIntake({ store, bus, runs, table, refusals, logFailure }: MessageIntakeDeps): MessageIntake {
  const waitingOf = new Map<Link, number>();
  let waiting = 0;

  function receive(link: Link, message: Exclude<FromAgent, { type: "hello" | "pong" }>, size: number): void {
    const { hostId } = link;
    switch (message.type) {
      case "metrics":
        table.update(hostId, { metrics: message.metrics });
        bus.emit("host.metrics", { hostId });
        break;
      case "facts":
        void bounded(link, size, () =>
          store.change((change) => runs.facts(change, hostId, message.reading), {
            batchDelay: BATCH_DELAY,
            whenUnavailable: "wait",
          }),
        );
        break;
      case "runEvents":
        void bounded(link, size, () => storeEvents(link, message));
        break;
      case "runRefused":
        void bounded(link, size, () => {
          const { runId, code, reason } = message;
          return store.change((change) => runs.refused(change, hostId, runId, code, reason), { whenUnavailable: "wait" });
        });
        break;
      case "runReport":
        void bounded(link, size, () =>
          store.change(
            async (change) => {
              const { runId } = message;
              const storedSeq = await runs.reported(change, hostId, message);
              if (storedSeq !== null) change.afterCommit(() => link.send({ type: "ack", runId, storedSeq }));
            },
            { whenUnavailable: "wait" },
          ),
        );
        break;
      default:
        message satisfies never;
    }
  }

  /** Limits unstored messages by closing the link. Nothing is lost: the agent sends unacknowledged events again. */
  async function bounded(link: Link, size: number, work: () => Promise<void>): Promise<void> {
    const ofLink = (waitingOf.get(link) ?? 0) + size;
    if (ofLink > MAX_WAITING_PER_LINK || waiting + size > MAX_WAITING) {
      refusals.logOnce(link.hostId, "too much waits", "An agent sends faster than the dashboard can store; its link was closed");
      link.close(1013, "Too many messages are waiting to be stored. Try again later.");
      return;
    }
    waitingOf.set(link, ofLink);
    waiting += size;
    try {
      await work();
    } catch (error) {
      logFailure("A message of an agent could not be stored; its link was closed")(error);
      link.close(1011, "Internal error.");
    } finally {
      waiting -= size;
      waitingOf.set(link, (waitingOf.get(link) ?? size) - size);
      if (link.state === "closed" && waitingOf.get(link) === 0) waitingOf.delete(link);
    }
  }

  async function storeEvents(link: Link, { runId, events }: { runId: RunId } & FromAgentOf<"runEvents">): Promise<void> {
    const batchDelay = events.every(({ kind }) => kind === "log" || kind === "progress") ? LOG_BATCH_DELAY : 0;
    const received = await store.change(
      async (change) => {
        const result = await runs.events(change, link.hostId, runId, events);
        // Acknowledge only what is on disk, since the agent then forgets it.
        if (result.kind === "stored") change.afterCommit(() => link.send({ type: "ack", runId, storedSeq: result.storedSeq }));
        return result;
      },
      { batchDelay, whenUnavailable: "wait" },
    );
    switch (received.kind) {
      case "stored":
        break;
      case "unknown":
        // Its request comes before its events.
        link.send({ type: "reportRun", runId, fromSeq: 1 });
        break;
      case "foreign":
        fault(link, "runEvents.runId: the run belongs to another host.");
        break;
      case "gap":
        // The missing events are still on the host: the next welcome tells it where to continue.
        fault(link, `runEvents.events.0.seq: ${received.storedSeq + 1} is the next one.`, 5);
        break;
    }
  }

  function fault(link: Link, reason: string, comeBackAfter: number | null = null): void {
    if (link.state === "closed") return;
    link.goodbye("invalid-message", reason, comeBackAfter);
    refusals.refuse(link, reason, "An agent sent an invalid message; its link was closed");
  }

  return {
    receive,
    forget(link) {
      if (waitingOf.get(link) === 0) waitingOf.delete(link);
    },
  };
}
