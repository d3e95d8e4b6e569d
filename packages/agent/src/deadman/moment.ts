import { bootId, type Clock } from "@nixfleet/runtime";
import type { Moment } from "./decide.ts";

/** Milliseconds by the clock that nobody sets: CLOCK_MONOTONIC, the same for all processes of this boot. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** This moment. */
export function momentNow(clock: Pick<Clock, "now">, monotonic = monotonicNow): Moment {
  return { bootId: bootId(), now: clock.now(), monotonic: monotonic() };
}
