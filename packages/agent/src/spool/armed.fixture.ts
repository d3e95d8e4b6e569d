import type { ArmedDeadman } from "./armed-deadman.ts";

/** What arming adds to a record, of one that is long overdue. */
export const OVERDUE = {
  format: 2,
  armedAt: 1,
  until: 2,
  window: 1,
  windows: 1,
  timers: 1,
  dueAt: null,
  stage: "activation",
  timer: null,
} as const satisfies Partial<ArmedDeadman>;

/** An armed dead-man switch of a NixOS host, long overdue, in the middle of a switch to `next`. */
export function sampleArmed({
  next,
  systemRoot,
  ...more
}: Partial<ArmedDeadman> &
  Pick<ArmedDeadman, "runId" | "back"> & { next: ArmedDeadman["back"]; systemRoot: string }): ArmedDeadman {
  return {
    ...OVERDUE,
    armedIn: "this",
    excepted: [],
    ignoredUnits: [],
    profile: null,
    failedUnits: null,
    asks: "nothing",
    host: { platform: "nixos", hostname: "gate", systemRoot, env: {} },
    activation: { closure: next, commit: null, mode: "switch", unit: null },
    undo: [{ kind: "activation", launcher: [], argv: ["/activate"], env: {}, unit: null }],
    ...more,
  };
}
