import { type Outcome, shorten } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Cancellation } from "../spool/daemon-entries.ts";

const CANCEL_POLL_MS = 100;

type StopReason = { kind: "cancelled"; by: string | null } | { kind: "timed-out" };

/** Aborts a run when a person cancels it or its time is over. */
export interface Stop {
  readonly signal: AbortSignal;
  /** The run is over: nothing stops it any more. */
  end(): void;
}

export interface StopDeps {
  /** The daemon's request for it, if there is one. */
  readCancel: () => Promise<Cancellation | undefined>;
  /** Aborted by a person at this very process. */
  cancelled?: AbortSignal | undefined;
  /** Until the run's time is over. */
  milliseconds: number;
}

export function createStop(clock: Clock, { readCancel, cancelled, milliseconds }: StopDeps): Stop {
  const controller = new AbortController();
  const stop = (reason: StopReason) => controller.abort(reason);
  const cancelHere = () => stop({ kind: "cancelled", by: null });
  const deadline = clock.setTimeout(() => stop({ kind: "timed-out" }), milliseconds);
  const watch = pollUntil(readCancel, clock, ({ by }) => stop({ kind: "cancelled", by }));
  if (cancelled?.aborted) cancelHere();
  cancelled?.addEventListener("abort", cancelHere);
  return {
    signal: controller.signal,
    end() {
      deadline.cancel();
      watch.stop();
      cancelled?.removeEventListener("abort", cancelHere);
    },
  };
}

/** A run that was stopped says so, unless its work was done, or undone, before the stop took hold. */
export function withStopReason(outcome: Outcome, signal: AbortSignal, deadline: number): Outcome {
  if (!signal.aborted || outcome.state === "succeeded" || outcome.state === "rolled-back") return outcome;
  if (outcome.state === "failed" && outcome.code === "undo-failed") return outcome;
  const told = outcome.state === "cancelled" && outcome.reason !== "Stopped." ? ` ${outcome.reason}` : "";
  const why = signal.reason as StopReason;
  if (why.kind === "cancelled")
    return { state: "cancelled", reason: shorten(`Cancelled by ${why.by ?? "a person"}.${told}`, 500) };
  const reason = `The run took longer than ${Math.round(deadline / 1000)} s and was stopped.${told}`;
  return { state: "timed-out", code: "deadline-passed", reason };
}

/** Calls once when there is something. */
function pollUntil<T>(look: () => Promise<T | undefined>, clock: Clock, onFound: (found: T) => void): { stop(): void } {
  let stopped = false;
  let timer: { cancel(): void } | undefined;
  const checkLater = () => {
    timer = clock.setTimeout(() => void check(), CANCEL_POLL_MS);
  };
  const check = async () => {
    const found = await look();
    if (stopped) return;
    if (found === undefined) checkLater();
    else onFound(found);
  };
  checkLater();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
