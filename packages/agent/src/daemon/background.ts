import { type Clock, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";

/** Work that nobody waits for, and its timers. An error in it is logged and the agent goes on: staying reachable comes first. */
export interface Background {
  run(name: string, work: Promise<unknown>): void;
  /** Starts the work after a time, in milliseconds. There is one timer of each name; the last one asked for counts. */
  after(name: string, milliseconds: number, work: () => Promise<void>): void;
  waits(name: string): boolean;
  cancel(name: string): void;
  /** Cancels all timers and takes no new ones. What runs, runs to its end. */
  stop(): void;
  readonly stopped: boolean;
}

export function createBackground({ clock, log }: { clock: Clock; log: Log }): Background {
  const timers = new Map<string, { cancel(): void }>();
  let stopped = false;

  const run = (name: string, work: Promise<unknown>) => {
    work.catch((error: unknown) => log.error("work-failed", { name, message: messageOf(error) }));
  };
  const cancel = (name: string) => {
    timers.get(name)?.cancel();
    timers.delete(name);
  };

  return {
    run,
    after(name, milliseconds, work) {
      cancel(name);
      if (stopped) return;
      const timer = clock.setTimeout(() => {
        timers.delete(name);
        run(name, work());
      }, milliseconds);
      timers.set(name, timer);
    },
    waits: (name) => timers.has(name),
    cancel,
    stop() {
      stopped = true;
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
    get stopped() {
      return stopped;
    },
  };
}
