import { SILENCE_LIMIT } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { storeConnected } from "../hosts/index.ts";
import type { Store } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkTable } from "./link-table.ts";
import { BATCH_DELAY } from "./message-intake.ts";

/** How long an agent may take to say hello, in milliseconds. */
const HELLO_LIMIT = 15_000;
const SWEEP_INTERVAL = 5000;
const SEEN_INTERVAL = 60_000;

/** What is done of itself as time passes: silent links end, and it is stored who is there. */
export interface Liveness {
  start(): void;
  stop(): void;
}

export interface LivenessDeps {
  clock: Clock;
  store: Store;
  table: LinkTable<Link>;
  /** All links, those that were not greeted yet as well. */
  links: ReadonlySet<Link>;
  /** Logs a fault of the dashboard's own. */
  bug(what: string): (error: unknown) => void;
}

export function createLiveness({ clock, store, table, links, bug }: LivenessDeps): Liveness {
  const timers = new Set<{ cancel(): void }>();

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
    for (const link of [...links]) {
      if (now - link.lastHeardAt > SILENCE_LIMIT) link.terminate();
      else if (link.state === "waiting" && now - link.openedAt > HELLO_LIMIT) link.terminate();
    }
  }

  function recordSeen(): void {
    const connected = [...table.entries()].map(([hostId]) => hostId);
    if (connected.length === 0) return;
    store
      .change((change) => storeConnected(change, connected, clock.now()), { batchDelay: BATCH_DELAY })
      .catch(bug("It could not be stored which hosts are connected"));
  }

  return {
    start() {
      every(SWEEP_INTERVAL, sweep);
      every(SEEN_INTERVAL, recordSeen);
    },
    stop() {
      for (const timer of timers) timer.cancel();
    },
  };
}
