import type { Facts, Preview, StartRun } from "@nixfleet/protocol";
import type { Step } from "./script.ts";

/** From arming to undoing, in milliseconds. */
const CONFIRM_WINDOW = 120_000;

export interface Pace {
  /** How long something takes at this pace. */
  ms(milliseconds: number): number;
  at(): number;
}

/** What an activation takes away of the ways into a host, and what of it cannot be told. */
export type LockOut = NonNullable<Preview["lockOut"]>;

export const NOTHING_TAKEN_AWAY: LockOut = { risks: [], unclear: [] };

/** Which specialisation an activation brings: the one asked for, else the one that runs, where what is activated has it. */
export function nextSpecialisation({ running }: Partial<Facts>, asked: string | null | undefined): string | undefined {
  const name = asked === undefined ? running?.specialisation?.name : (asked ?? undefined);
  return name !== undefined && running?.specialisations?.includes(name) ? name : undefined;
}

/** The steps of an activation, unless it takes a way into the host away and nobody has forced it. */
export function guarded({ force }: StartRun, lockOut: LockOut | undefined, activation: readonly Step[]): readonly Step[] {
  if (lockOut === undefined) return activation;
  const warned = [
    ...lockOut.unclear.map((sentence) => `This can lock somebody out: ${sentence}`),
    ...(force ? lockOut.risks.map((sentence) => `Forced: ${sentence}`) : []),
  ].map((message): Step => ({ do: "event", event: { kind: "warning", message } }));
  if (lockOut.risks.length === 0 || force) return [...warned, ...activation];
  const reason = `This can lock somebody out: ${lockOut.risks.join(" ")}`;
  return [...warned, { do: "finish", outcome: { state: "refused", code: "would-lock-out", reason } }];
}

export interface PlannedActivation {
  closure: string;
  commit: string | null;
  mode: "switch" | "boot" | "test";
  generation: number;
  generations: Facts["generations"] | undefined;
  /** The specialisation that runs afterwards. */
  special: string | undefined;
}

/** The fact `running` once a closure, or a specialisation of it, was activated. */
function runningAfter(
  { closure, special }: PlannedActivation,
  before: Facts["running"] | undefined,
  at: number,
): Facts["running"] {
  const specialisations = before?.specialisations;
  return {
    ...(special === undefined
      ? { closure }
      : { closure: `${closure}-${special}`, specialisation: { name: special, of: closure } }),
    since: at,
    ...(specialisations && { specialisations }),
  };
}

/** Arms, activates, and is confirmed or goes back. */
export function activated(start: StartRun, facts: Partial<Facts>, to: PlannedActivation, { ms, at }: Pace): Step[] {
  const { closure, commit, mode, generation, generations } = to;
  const { running } = facts;
  const armed: Step[] = [];
  const confirmed: Step[] = [];
  if (mode !== "boot" && running !== undefined && start.confirmSecret !== undefined) {
    const until = at() + CONFIRM_WINDOW;
    const back = running.closure;
    armed.push(
      { do: "event", event: { kind: "armed", until, back } },
      { do: "facts", facts: { deadman: { runId: start.runId, until, back } } },
    );
    confirmed.push(
      { do: "phase", phase: "confirm" },
      {
        do: "confirm",
        within: CONFIRM_WINDOW,
        otherwise: [
          { do: "phase", phase: "undo" },
          { do: "facts", facts: { running, deadman: null } },
          {
            do: "finish",
            outcome: { state: "rolled-back", code: "not-confirmed", reason: "The dashboard did not confirm it in time." },
          },
        ],
      },
    );
  }
  return [
    { do: "phase", phase: "activate" },
    ...armed,
    { do: "wait", ms: ms(1500) },
    { do: "facts", facts: mode === "boot" ? {} : { running: runningAfter(to, running, at()) } },
    ...confirmed,
    {
      do: "event",
      event: { kind: "deployed", deployment: { closure, commit, runId: start.runId, at: at(), generation, mode } },
    },
    {
      do: "facts",
      facts: {
        deadman: null,
        ...(mode === "test" ? {} : { profile: { closure, generation } }),
        ...(generations === undefined ? {} : { generations }),
      },
    },
  ];
}

/** It boots what its profile names. */
export function factsAfterReboot(facts: Partial<Facts>): Partial<Facts> {
  const closure = facts.profile?.closure;
  return {
    reboot: { needed: false, reasons: [] },
    ...(closure === undefined
      ? {}
      : {
          running: { closure, ...(facts.running?.specialisations && { specialisations: facts.running.specialisations }) },
          booted: { closure },
        }),
  };
}
