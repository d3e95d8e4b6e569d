import type { ArmedDeadman } from "./shapes.ts";

/** An armed dead-man switch of a NixOS host, long overdue, in the middle of a switch to `next`. */
export function sampleArmed({
  next,
  systemRoot,
  ...more
}: Partial<ArmedDeadman> &
  Pick<ArmedDeadman, "runId" | "back"> & { next: ArmedDeadman["back"]; systemRoot: string }): ArmedDeadman {
  return {
    armedAt: 1,
    until: 2,
    bootId: "this",
    profile: null,
    failedUnits: null,
    asks: "nothing",
    host: { platform: "nixos", hostname: "gate", systemRoot, env: {} },
    activation: { closure: next, commit: null, mode: "switch", unit: null },
    timer: null,
    undo: [{ launcher: [], argv: ["/activate"], env: {}, unit: null }],
    ...more,
  };
}
