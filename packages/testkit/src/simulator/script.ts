import type { Facts, Outcome, Phase, RefusalCode, RunEventBody, StartRun } from "@nixfleet/protocol";

/** One thing that a simulated host does in a run. Times are milliseconds. */
export type Step =
  | { do: "wait"; ms: number }
  | { do: "phase"; phase: Phase }
  /** Lines at that many a second; without a rate as fast as the dashboard acknowledges. */
  | { do: "log"; lines: number; perSecond?: number; text?: (line: number) => string; stream?: "nix" | "git" | "build" | "test" }
  /** Builds packages one after another, with progress and a line of log each. */
  | { do: "build"; packages: readonly string[]; each: number }
  | { do: "event"; event: RunEventBody }
  /** The host's facts change from here on. */
  | { do: "facts"; facts: Partial<Facts> }
  /** The network is gone for so long; the run continues. */
  | { do: "dropLink"; forMs: number }
  /** The machine is down for so long, and comes back with a new boot; the run continues then. */
  | { do: "reboot"; forMs: number }
  /** Asks the dashboard to confirm until it does; if it has not after so long, these steps come instead of the rest. */
  | { do: "confirm"; within: number; otherwise: readonly Step[] }
  /** Nothing more ever comes of this run. */
  | { do: "hang" }
  /** Goes on when this resolves. */
  | { do: "until"; resolved: Promise<unknown> }
  | { do: "finish"; outcome: Outcome };

/** What a host does when it is told to start a run: refuse it, or these steps. A script without `finish` succeeds at its end. */
export type Script = readonly Step[] | { refuse: RefusalCode; reason: string };

/** Makes the script of a run. `facts` are the host's own as they are now. */
export type Behaviour = (start: StartRun, host: { name: string; facts: Partial<Facts> }) => Script;

/** The store path that a simulated host builds for a commit. */
export function simulatedClosure(commit: string, host: string): string {
  const digits = "0123456789abcdfghijklmnpqrsvwxyz";
  let hash = "";
  for (let place = 0; place < 32; place++) {
    hash +=
      digits[
        (Number.parseInt(commit[place] ?? "0", 16) * 2 + host.length + place * (host.charCodeAt(place % host.length) % 7)) % 32
      ];
  }
  return `/nix/store/${hash}-nixos-system-${host}`;
}
