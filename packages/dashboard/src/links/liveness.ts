import { SILENCE_LIMIT } from "@nixfleet/protocol";
import { type Clock, every, type Recurring } from "@nixfleet/runtime";
import { storeConnected } from "../hosts/index.ts";
import type { Store } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkTable } from "./link-table.ts";
import { BATCH_DELAY } from "./message-intake.ts";

/** How long an agent may take to say hello, in milliseconds. */
const HELLO_TIMEOUT = 15_000;
const SWEEP_INTERVAL = 5000;
const SEEN_INTERVAL = 60_000;

/** Ends silent links, and stores regularly which hosts are connected. */
export interface Liveness {
  start(): void;
  stop(): Promise<void>;
}

export interface LivenessDeps {
  clock: Clock;
  store: Store;
  table: LinkTable<Link>;
  /** All links, including those without a hello yet. */
  links: ReadonlySet<Link>;
  /** Logs an internal error. */
  logFailure(message: string): (error: unknown) => void;
}

export function createLiveness({ clock, store, table, links, logFailure }: LivenessDeps): Liveness {
  const checks: Recurring[] = [];

  function endSilentLinks(): void {
    const now = clock.now();
    for (const link of [...links]) {
      // The clock was set back: else the link would count as heard until the clock has caught up.
      link.lastHeardAt = Math.min(link.lastHeardAt, now);
      if (now - link.lastHeardAt > SILENCE_LIMIT) link.terminate();
      else if (link.state === "waiting" && now - link.openedAt > HELLO_TIMEOUT) link.terminate();
    }
  }

  async function recordConnected(): Promise<void> {
    const connected = [...table.entries()].map(([hostId]) => hostId);
    if (connected.length === 0) return;
    await store.change((change) => storeConnected(change, connected, clock.now()), { batchDelay: BATCH_DELAY });
  }

  return {
    start() {
      checks.push(
        every(endSilentLinks, { clock, interval: SWEEP_INTERVAL, onError: logFailure("Silent links could not be ended") }),
        every(recordConnected, {
          clock,
          interval: SEEN_INTERVAL,
          onError: logFailure("The list of connected hosts could not be stored"),
        }),
      );
    },
    async stop() {
      for (const check of checks.splice(0)) await check[Symbol.asyncDispose]();
    },
  };
}
