import { type Clock, type EveryOptions, every, messageOf, type Recurring } from "@nixfleet/runtime";
import type { Log } from "../log.ts";

/** The daemon's work that nobody waits for. An error in it is logged and the agent continues: staying reachable comes first. */
export interface Background {
  run(name: string, work: Promise<unknown>): void;
  /** Does the work again and again. `interval` is that of the runtime's `every`: Infinity means only when requested. */
  every(name: string, interval: EveryOptions["interval"], work: () => Promise<void>): Recurring;
  /** Ends all recurring work and begins none. A round under way runs to its end. */
  stop(): void;
}

export function createBackground({ clock, log }: { clock: Clock; log: Log }): Background {
  const recurring: Recurring[] = [];
  let stopped = false;

  const failed = (name: string, error: unknown) => log.error("work-failed", { name, message: messageOf(error) });
  const end = (loop: Recurring) => void loop[Symbol.asyncDispose]();

  return {
    run(name, work) {
      work.catch((error: unknown) => failed(name, error));
    },
    every(name, interval, work) {
      const loop = every(work, { interval, clock, onError: (error) => failed(name, error) });
      recurring.push(loop);
      if (stopped) end(loop);
      return loop;
    },
    stop() {
      stopped = true;
      for (const loop of recurring) end(loop);
    },
  };
}
