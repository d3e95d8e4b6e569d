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
  /** The network is gone for so long; the run goes on. */
  | { do: "dropLink"; forMs: number }
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

const PACKAGES = ["linux", "systemd", "openssh", "nginx", "postgresql", "grafana", "curl", "git"] as const;

/** A host that does what it is told, `pace` times slower than at once: at 1 a switch takes some ten seconds. */
export function obedient({ pace = 1, at = () => Date.now() }: { pace?: number; at?: () => number } = {}): Behaviour {
  const ms = (milliseconds: number) => milliseconds * pace;
  return (start, { name, facts }) => {
    const commit = start.commit ?? facts.clone?.commit ?? "0".repeat(40);
    switch (start.op) {
      case "pull":
        return [
          { do: "phase", phase: "fetch" },
          { do: "log", lines: 4, perSecond: pace === 0 ? Number.POSITIVE_INFINITY : 8 / pace, stream: "git" },
          { do: "facts", facts: { clone: { commit, branch: "main", fetchedAt: at() } } },
        ];
      case "switch": {
        const closure = simulatedClosure(commit, name);
        const mode = (start.args as { mode?: "switch" | "boot" | "test" }).mode ?? "switch";
        const generation = (facts.profile?.generation ?? 0) + (mode === "test" ? 0 : 1);
        const generations =
          mode === "test"
            ? (facts.generations ?? [])
            : [
                { number: generation, at: at(), closure, commit, current: true },
                ...(facts.generations ?? []).map((older) => ({ ...older, current: false })),
              ];
        return [
          { do: "phase", phase: "fetch" },
          { do: "wait", ms: ms(500) },
          { do: "facts", facts: { clone: { commit, branch: "main", fetchedAt: at() } } },
          { do: "phase", phase: "evaluate" },
          { do: "wait", ms: ms(1500) },
          { do: "phase", phase: "build" },
          { do: "event", event: { kind: "command", argv: ["nix-store", "--realise", closure] } },
          { do: "build", packages: PACKAGES, each: ms(700) },
          { do: "phase", phase: "diff" },
          { do: "phase", phase: "activate" },
          { do: "wait", ms: ms(1500) },
          {
            do: "event",
            event: { kind: "deployed", deployment: { closure, commit, runId: start.runId, at: at(), generation, mode } },
          },
          {
            do: "facts",
            facts: {
              ...(mode === "boot" ? {} : { running: { closure, since: at() } }),
              ...(mode === "test" ? {} : { profile: { closure, generation }, generations }),
            },
          },
        ];
      }
      case "test": {
        const total = facts.tests?.defined ?? 2;
        const results = Array.from({ length: total }, (_, place) => [
          { do: "wait", ms: ms(800) } as const,
          {
            do: "event",
            event: {
              kind: "testResult",
              result: { script: `T0${place + 1}.sh`, outcome: "passed", milliseconds: 800, number: place + 1, total },
            },
          } as const,
        ]);
        return [{ do: "phase", phase: "test" }, ...results.flat()];
      }
      case "refresh":
        return [
          { do: "phase", phase: "refresh" },
          { do: "wait", ms: ms(300) },
        ];
      case "restart-agent":
        return [
          { do: "phase", phase: "restart" },
          { do: "dropLink", forMs: ms(1000) },
          { do: "wait", ms: ms(1200) },
        ];
      default:
        return { refuse: "op-unknown", reason: `This agent does not know the op ${start.op}.` };
    }
  };
}
