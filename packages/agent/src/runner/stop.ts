import { type Outcome, shorten } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";

const CANCEL_POLL_MS = 100;

type StopReason = "cancelled" | "timed-out";

/** Aborts a run when a person cancels it or its time is over. */
export interface Stop {
  readonly signal: AbortSignal;
  /** The run is over: nothing stops it any more. */
  end(): void;
}

export interface StopDeps {
  /** Whether the daemon asks for it. */
  isCancelAsked: () => Promise<boolean>;
  /** Aborted by a person at this very process. */
  cancelled?: AbortSignal | undefined;
  /** Until the run's time is over. */
  milliseconds: number;
}

export function createStop(clock: Clock, { isCancelAsked, cancelled, milliseconds }: StopDeps): Stop {
  const controller = new AbortController();
  const cancel = () => controller.abort("cancelled" satisfies StopReason);
  const deadline = clock.setTimeout(() => controller.abort("timed-out" satisfies StopReason), milliseconds);
  const watch = pollUntil(isCancelAsked, clock, cancel);
  if (cancelled?.aborted) cancel();
  cancelled?.addEventListener("abort", cancel);
  return {
    signal: controller.signal,
    end() {
      deadline.cancel();
      watch.stop();
      cancelled?.removeEventListener("abort", cancel);
    },
  };
}

/** A run that was stopped says so, unless its work was done, or undone, before the stop took hold. */
export function withStopReason(outcome: Outcome, signal: AbortSignal, deadline: number): Outcome {
  if (!signal.aborted || outcome.state === "succeeded" || outcome.state === "rolled-back") return outcome;
  if (outcome.state === "failed" && outcome.code === "undo-failed") return outcome;
  const told = outcome.state === "cancelled" && outcome.reason !== "Stopped." ? ` ${outcome.reason}` : "";
  if ((signal.reason as StopReason) === "cancelled") {
    return { state: "cancelled", reason: shorten(`Cancelled by a person.${told}`, 500) };
  }
  const reason = `The run took longer than ${Math.round(deadline / 1000)} s and was stopped.${told}`;
  return { state: "timed-out", code: "deadline-passed", reason };
}

/** Calls once when something is so. */
function pollUntil(isSo: () => Promise<boolean>, clock: Clock, onSo: () => void): { stop(): void } {
  let stopped = false;
  let timer: { cancel(): void } | undefined;
  const checkLater = () => {
    timer = clock.setTimeout(() => void check(), CANCEL_POLL_MS);
  };
  const check = async () => {
    const found = await isSo();
    if (stopped) return;
    if (found) onSo();
    else checkLater();
  };
  checkLater();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
