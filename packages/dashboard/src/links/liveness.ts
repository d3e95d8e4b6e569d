import { SILENCE_LIMIT } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { storeSeen } from "../hosts/index.ts";
import type { SharedWrites } from "../store/index.ts";
import type { Link } from "./link.ts";
import type { LinkTable } from "./link-table.ts";
import { COMPANY } from "./message-intake.ts";

/** How long an agent may take to say hello, in milliseconds. */
const HELLO_LIMIT = 15_000;
const SWEEP_INTERVAL = 5000;
const SEEN_INTERVAL = 60_000;

/** What is done of itself as time passes: silent links end, and it is stored who is there. */
export interface Sweeping {
  start(): void;
  stop(): void;
}

export interface SweepingDeps {
  clock: Clock;
  writes: SharedWrites;
  table: LinkTable<Link>;
  /** All links, those that were not greeted yet as well. */
  links: ReadonlySet<Link>;
  /** Logs a fault of the dashboard's own. */
  bug(what: string): (error: unknown) => void;
}

export function createSweeping({ clock, writes, table, links, bug }: SweepingDeps): Sweeping {
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

  return {
    start() {
      every(SWEEP_INTERVAL, sweep);
      every(SEEN_INTERVAL, noteSeen);
    },
    stop() {
      for (const timer of timers) timer.cancel();
    },
  };
}
