import type { Clock } from "@nixfleet/runtime";
import type { Logger } from "./logger.ts";

const HOUR = 60 * 60_000;

/** Does each piece of work now and then once an hour, until it is disposed. A piece that fails is logged, and tried again in an hour. */
export function hourly(clock: Clock, log: Logger, work: Readonly<Record<string, () => Promise<void>>>): AsyncDisposable {
  let timer: { cancel(): void } | undefined;
  let stopped = false;
  let working: Promise<void> = Promise.resolve();

  async function round(): Promise<void> {
    for (const [name, piece] of Object.entries(work)) {
      try {
        if (!stopped) await piece();
      } catch (error) {
        log.error({ err: error, work: name }, "Hourly work failed");
      }
    }
    if (!stopped) timer = clock.setTimeout(begin, HOUR);
  }
  const begin = () => {
    working = round();
  };
  begin();

  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      timer?.cancel();
      await working;
    },
  };
}
