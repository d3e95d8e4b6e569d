import { dirname } from "node:path";
import type { HostConfiguration } from "../host-configuration.ts";
import { type Lane, until } from "./lane.ts";
import { HOLD } from "./undo-gates.ts";

/** `permanent`: the last steps, which set profile and boot entry. */
export const PHASES = ["fetch", "evaluate", "build", "activate", "confirm", "restart", "permanent"] as const;
export type PhaseName = (typeof PHASES)[number];

/** A phase in which a switch is kept until it is let go. */
export interface PhaseHold {
  /** Resolves when the switch is in that phase and waits there. */
  reached(): Promise<void>;
  letGo(): Promise<void>;
}

/** The file that keeps a phase waiting, and the one that shows that it waits. */
function filesOf(phase: PhaseName): { hold: string; at: string } {
  if (phase === "permanent") return { hold: `${HOLD}/installer`, at: `${HOLD}/at-installer` };
  return { hold: `/run/lab/hold-${phase}`, at: `/run/lab/at-${phase}` };
}
const LIMIT = 60_000;

const gate = "mkdir -p /run/lab; touch /run/lab/at-activate; while [ -e /run/lab/hold-activate ]; do sleep 0.1; done";

/** What a configuration needs, so that its switch can be kept in a phase. */
export function holdable(phase: PhaseName, now: HostConfiguration): HostConfiguration {
  switch (phase) {
    case "evaluate":
    case "build":
      return { ...now, gates: [phase] };
    case "activate":
      return { ...now, activation: `${gate}\n${now.activation}` };
    case "restart":
      // Another agent, which the daemon makes way for.
      return { ...now, agent: now.agent && { ...now.agent, version: now.release } };
    case "fetch":
    case "confirm":
    case "permanent":
      return now;
  }
}

/** Sees to it that the next switch of the host waits in a phase. */
export async function hold({ lab, host }: Lane, phase: PhaseName): Promise<PhaseHold> {
  if (phase === "fetch") {
    const requests = lab.git.hold(host.address);
    return { reached: () => requests.waits, letGo: async () => requests.letGo() };
  }
  const files = filesOf(phase);
  await host.run("mkdir", "-p", dirname(files.hold));
  await host.run("rm", "-f", files.at);
  await host.run("touch", files.hold);
  return {
    async reached() {
      await until(`The switch is in ${phase}`, () => isReached(host, phase), LIMIT);
    },
    async letGo() {
      if (host.isRunning) await host.run("rm", "-f", files.hold);
    },
  };
}

async function isReached(host: Lane["host"], phase: PhaseName): Promise<boolean> {
  if (phase !== "restart") return (await host.exec(["test", "-e", filesOf(phase).at])).exitCode === 0;
  return (await host.run("systemctl", "show", "--property=SubState", "--value", "nixfleet-agent")) === "start-pre";
}
