import type { QueueReason, RefusalCode, RunId } from "@nixfleet/protocol";
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

/**
 * Maximum number of runs that may wait for one host, held ones included. People queue a few and a rollout one or two, so only a program
 * that repeats its request reaches it. Each time the host connects or disconnects, the reason why each run waits is written again:
 * about 10 ms for a full queue.
 */
export const MAX_QUEUED_RUNS = 100;

/** The unfinished runs of one host. */
export interface HostQueue {
  readonly active: boolean;
  /** Runs that wait for their turn. */
  readonly queued: number;
  readonly held: number;
}

/** A new run for a host. */
export interface Admission {
  readonly connected: boolean;
  /** Whether the run may wait in the queue. */
  readonly mayWait: boolean;
  /** Whether the run begins held. */
  readonly held: boolean;
}

/** Why a new run of any actor is refused because of the host's link or its other runs; null: it starts now or joins the queue. */
export function admit({ connected, mayWait, held }: Admission, queue: HostQueue): RefusalCode | null {
  const waiting = queue.queued + queue.held;
  if (!mayWait) {
    if (!connected) return "host-offline";
    return queue.active || waiting > 0 ? "host-busy" : null;
  }
  // Held runs, however many, must not keep a run out that can start now.
  const startsNow = connected && !held && !queue.active && queue.queued === 0;
  return !startsNow && waiting >= MAX_QUEUED_RUNS ? "queue-full" : null;
}
