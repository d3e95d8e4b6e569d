import type { QueueReason, RunId } from "@nixfleet/protocol";
import { isActive, type QueuedRun, type Run } from "./run.ts";

/** How the queued runs of one host proceed. */
export interface DispatchOrder {
  /** Runs that may start now, in order: the first whose pre-checks pass does. */
  readonly next: readonly QueuedRun[];
  /** The reason why each of the others waits. */
  readonly waiting: ReadonlyMap<RunId, QueueReason>;
}

/**
 * The order among the queued and held runs of one host, as a pure function: the oldest first. A held run does not block the ones
 * behind it. `unfinished`: those of its runs that have not ended about which something is to be decided, the oldest first.
 */
export function dispatchOrder(unfinished: readonly Run[], connected: boolean): DispatchOrder {
  const waiting = new Map<RunId, QueueReason>();
  const next: QueuedRun[] = [];
  const busy = unfinished.some(isActive);
  for (const run of unfinished) {
    if (run.stage !== "queued") continue;
    if (run.hold !== null) waiting.set(run.id, "held");
    else if (!connected) waiting.set(run.id, "host-offline");
    else if (busy) waiting.set(run.id, "host-busy");
    else next.push(run);
  }
  return { next, waiting };
}
