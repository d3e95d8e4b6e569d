import type { FaultName } from "./faults.ts";
import type { PhaseName } from "./phases.ts";

/** A pair of a fault and a phase that makes sense. */
export interface Pair {
  /** Terminal states that are true then, with their codes: `failed runner-killed`. */
  readonly ends: readonly string[];
  /** Numbers of what it proves. */
  readonly proves: string;
  /**
   * When the fault is taken away, where it does not go by itself: so many seconds after the phase was let go, or `afterwards`: when
   * the host has ended the run.
   */
  readonly repair?: number | "afterwards";
  /** The configuration has a unit that fails besides, so that the host has to go back with the fault there. */
  readonly fails?: true;
}

/** What happens then; a sentence, where the pair makes no sense. */
export type Row = Readonly<Record<PhaseName, Pair | string>>;

/** Seconds for which the dashboard is away: longer than a confirm window. */
export const AWAY = 40;

const ok = ["succeeded"];
const pair = (ends: readonly string[], proves: string, more: Partial<Pair> = {}): Pair => ({ ends, proves, ...more });

const beforeActivation = (why: string): Pick<Row, "fetch" | "evaluate" | "build"> => ({ fetch: why, evaluate: why, build: why });
const onlyConfiguration = (when: string) =>
  beforeActivation(`what is wrong is in the configuration, which does nothing before ${when}`);
const everywhere = (one: Pair): Row => ({
  fetch: one,
  evaluate: one,
  build: one,
  activate: one,
  confirm: one,
  restart: one,
  permanent: one,
});

export const MATRIX: Readonly<Record<FaultName, Row>> = {
  killedDaemon: everywhere(pair(ok, "R4, R26, R29, R30")),
  killedRunner: {
    ...everywhere(pair(["failed runner-killed"], "R4")),
    activate: pair(ok, "R4, R29"),
    confirm: pair(ok, "R4, R37"),
    restart: pair(ok, "R4, R7, R37"),
    permanent: pair(ok, "R4, R82"),
  },
  killedDashboard: everywhere(pair(ok, "R5, R26")),
  awayDashboard: everywhere(pair(ok, "R5, R26, R68", { repair: AWAY })),
  cutNetwork: {
    fetch: pair(ok, "R5, R26", { repair: 5 }),
    evaluate: pair(ok, "R5, R26", { repair: 5 }),
    build: pair(ok, "R5, R26", { repair: 5 }),
    activate: pair(["rolled-back not-confirmed"], "R5, R26, R37", { repair: "afterwards" }),
    confirm: pair(ok, "R5, R26", { repair: 5 }),
    restart: pair(ok, "R7, R26", { repair: 5 }),
    permanent: pair(ok, "R5, R26, R82", { repair: 5 }),
  },
  cutByConfiguration: {
    ...onlyConfiguration("it is activated"),
    activate: pair(["rolled-back not-confirmed"], "R26, R37"),
    confirm: "the activation has cut it by then: the same as in activate",
    restart: "the run does not come to it: nobody confirms",
    permanent: "the run does not come to it: nobody confirms",
  },
  powerLoss: {
    ...everywhere(pair(["failed host-restarted"], "R6, R26")),
    activate: pair(["rolled-back host-restarted"], "R6, R26, R37"),
    confirm: pair(["rolled-back host-restarted"], "R6, R26, R37"),
    restart: pair(["rolled-back host-restarted"], "R6, R7, R26, R37"),
    permanent: pair(["rolled-back host-restarted"], "R6, R26, R82"),
  },
  powerLossUnbootable: {
    ...onlyConfiguration("it is activated"),
    activate: pair(["rolled-back host-restarted"], "R6, R26, R82"),
    confirm: pair(["rolled-back host-restarted"], "R6, R26, R82"),
    restart: pair(["rolled-back host-restarted"], "R6, R7, R26, R82"),
    permanent: pair(["rolled-back host-restarted"], "R6, R26, R82"),
  },
  powerLossInUndo: {
    ...beforeActivation("nothing was activated, so nothing is undone"),
    activate: pair(["rolled-back not-confirmed"], "R6, R26, R82"),
    confirm: pair(["rolled-back not-confirmed"], "R6, R26, R82"),
    restart: pair(["rolled-back not-confirmed"], "R6, R7, R26, R82"),
    // Confirmed by then: the power is lost in the last steps first.
    permanent: pair(["rolled-back host-restarted"], "R6, R26, R82"),
  },
  fullStore: {
    fetch: pair(["failed disk-full"], "R26", { repair: "afterwards" }),
    evaluate: pair(["failed disk-full"], "R26", { repair: "afterwards" }),
    build: pair(["failed disk-full"], "R26", { repair: "afterwards" }),
    activate: pair(["rolled-back units-failed"], "R26, R37", { repair: "afterwards", fails: true }),
    // Nix opens its database to set the profile.
    confirm: pair(["rolled-back disk-full"], "R26, R82", { repair: "afterwards" }),
    restart: "nothing of it writes there: the same as in confirm",
    permanent: "the profile is set by then, and nothing more of it writes there",
  },
  fullState: {
    ...everywhere(pair(["failed disk-full"], "R26", { repair: 15 })),
    activate: pair(["rolled-back units-failed"], "R26, R37", { repair: "afterwards", fails: true }),
    confirm: pair(ok, "R26", { repair: 15 }),
    restart: pair(ok, "R7, R26", { repair: 15 }),
    permanent: pair(ok, "R26, R82", { repair: 15 }),
  },
  corruptClone: {
    fetch: pair(ok, "R26"),
    evaluate: pair(ok, "R26"),
    build: pair(ok, "R26"),
    activate: "nothing reads the clone after the build",
    confirm: "nothing reads the clone after the build",
    restart: "nothing reads the clone after the build",
    permanent: "nothing reads the clone after the build",
  },
  clockAhead: everywhere(pair(ok, "R26, R37")),
  clockBehind: everywhere(pair(ok, "R26, R37")),
  crashingAgent: {
    ...onlyConfiguration("the agent makes way for the new one"),
    activate: "the daemon that works stays until all else is confirmed",
    confirm: "the daemon that works stays until all else is confirmed",
    // At the end of the window its unit has failed, or is being started once more and has no link yet.
    restart: pair(["rolled-back units-failed", "rolled-back not-confirmed"], "R7, R30, R37"),
    permanent: "the run does not come to it: nobody confirms",
  },
  strayAgent: {
    ...onlyConfiguration("the agent makes way for the new one"),
    activate: "the daemon that works stays until all else is confirmed",
    confirm: "the daemon that works stays until all else is confirmed",
    restart: pair(["rolled-back not-confirmed"], "R7, R30, R37"),
    permanent: "the run does not come to it: nobody confirms",
  },
  failedUnit: {
    ...onlyConfiguration("it is activated"),
    activate: pair(["rolled-back units-failed"], "R37"),
    confirm: "the run does not come to it: a failed unit ends it before",
    restart: "the run does not come to it: a failed unit ends it before",
    permanent: "the run does not come to it: a failed unit ends it before",
  },
  hangingActivation: {
    ...onlyConfiguration("it is activated"),
    activate: pair(["rolled-back not-confirmed"], "R37"),
    confirm: "the run does not come to it: the activation does not end",
    restart: "the run does not come to it: the activation does not end",
    permanent: "the run does not come to it: the activation does not end",
  },
};
