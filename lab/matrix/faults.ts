import { setTimeout as sleep } from "node:timers/promises";
import { brokenNetworkUnit, failingUnit, type HostConfiguration, hangingActivation } from "../host-configuration.ts";
import { type Lane, STATE_DIRECTORIES, until } from "./lane.ts";
import type { PhaseName } from "./phases.ts";
import { cannotBoot, cutPower, cutPowerInUndo, provokeUndo, withoutUndoGate } from "./power-cuts.ts";

/** How a fault is brought about while a switch is held in a phase. */
export interface Fault {
  readonly title: string;
  /** The switch would be refused otherwise: what is wrong is plain to see in the configuration. */
  readonly force?: true;
  /** Before the switch starts. */
  prepare?(lane: Lane): Promise<void>;
  /** What the configuration that is switched to has wrong. */
  configure?(lane: Lane, now: HostConfiguration): Promise<HostConfiguration>;
  /** While the switch is held in the phase. */
  strike?(lane: Lane, phase: PhaseName): Promise<void>;
  /** Once it was let go: takes away what does not go by itself. */
  repair?(lane: Lane, phase: PhaseName): Promise<void>;
  /** After the cell. */
  tidy?(lane: Lane): Promise<void>;
}

const kill =
  (...target: string[]) =>
  async ({ host }: Lane) => {
    await host.run("systemctl", "kill", "--signal=KILL", ...target);
  };

const fill = (directories: readonly string[]): Pick<Fault, "strike" | "repair"> => ({
  async strike({ host }) {
    for (const directory of directories) await host.fillDisk(directory);
  },
  async repair({ host }) {
    for (const directory of directories) await host.freeDisk(directory);
  },
});

const CLOCK = "/run/lab/clock";
const SKEWED = ["nixfleet-agent", "nixfleet-runner"] as const;

/** The wall clock of daemon and runner alone, by libfaketime(1), which looks into the file once a second. */
const clock = (skew: string): Omit<Fault, "title"> => ({
  async prepare({ lab, host }) {
    const library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    const env = `LD_PRELOAD=${library} FAKETIME_TIMESTAMP_FILE=${CLOCK} FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1`;
    await host.writeFile(CLOCK, "+0\n", 0o644);
    for (const unit of SKEWED) {
      await host.writeFile(`/run/systemd/system/${unit}.service.d/clock.conf`, `[Service]\nEnvironment=${env}\n`, 0o644);
    }
    await host.run("systemctl", "daemon-reload");
    await host.run("systemctl", "restart", "nixfleet-agent");
    await lab.untilOnline(host.name);
  },
  async strike({ host }) {
    await host.writeFile(CLOCK, `${skew}\n`, 0o644);
    await sleep(2000);
  },
  async tidy({ lab, host }) {
    for (const unit of SKEWED) await host.run("rm", "-r", `/run/systemd/system/${unit}.service.d`);
    await host.run("systemctl", "daemon-reload");
    await host.run("systemctl", "restart", "nixfleet-agent");
    await lab.untilOnline(host.name);
  },
});

/** The dashboard is stopped, and comes back on the same data when it is repaired. */
function away(): Pick<Fault, "strike" | "repair"> {
  const lanes = new WeakMap<Lane, { back(): void; isBack: Promise<void> }>();
  return {
    async strike(lane) {
      const isAway = Promise.withResolvers<void>();
      const comesBack = Promise.withResolvers<void>();
      const isBack = lane.lab.dashboard.restart("SIGTERM", () => {
        isAway.resolve();
        return comesBack.promise;
      });
      lanes.set(lane, { back: comesBack.resolve, isBack });
      await Promise.race([isAway.promise, isBack]);
    },
    async repair(lane) {
      const dashboard = lanes.get(lane);
      dashboard?.back();
      await dashboard?.isBack;
    },
  };
}

async function cutPowerTwice(lane: Lane, phase: PhaseName): Promise<void> {
  await cutPowerInUndo(lane, phase, { cutAgain: true });
  await lane.host.boot();
}

const withUnit = (name: string, text: string) => async (_: Lane, now: HostConfiguration) => ({
  ...now,
  units: { ...now.units, [name]: text },
});

export const FAULTS = {
  killedDaemon: { title: "SIGKILL daemon", strike: kill("nixfleet-agent") },
  killedRunner: { title: "SIGKILL runner", strike: kill("--kill-whom=main", "nixfleet-runner") },
  killedDashboard: { title: "SIGKILL dashboard", strike: ({ lab }) => lab.dashboard.restart("SIGKILL") },
  cutNetwork: {
    title: "cut network",
    strike: ({ host }) => host.cutNetwork(),
    repair: ({ host }) => host.repairNetwork(),
  },
  cutByConfiguration: {
    title: "network cut by the new configuration",
    configure: withUnit("network.service", brokenNetworkUnit),
  },
  awayDashboard: { title: "dashboard away for longer than the window", ...away() },
  powerLoss: { title: "power loss", strike: cutPower },
  powerLossUnbootable: {
    title: "power loss, and the new generation cannot boot",
    configure: async (_, now) => cannotBoot(now),
    strike: cutPower,
  },
  powerLossInUndo: {
    title: "power loss in the undo, and again in the next one",
    configure: async (_, now) => withoutUndoGate(now),
    async strike(lane, phase) {
      await provokeUndo(lane, phase);
      // What holds the last steps holds their undo.
      if (phase === "permanent") await cutPowerTwice(lane, phase);
    },
    async repair(lane, phase) {
      if (phase !== "permanent") await cutPowerTwice(lane, phase);
    },
  },
  fullStore: { title: "full /nix", ...fill(["/nix"]) },
  fullState: { title: "full state directory", ...fill(STATE_DIRECTORIES) },
  corruptClone: {
    title: "corrupt clone",
    async strike({ host }) {
      const clone = "/var/lib/nixfleet-runner/repo";
      await host.run("find", clone, "-path", "*/objects/*", "-type", "f", "-exec", "truncate", "--size=0", "{}", "+");
    },
  },
  clockAhead: { title: "clock +1 h", ...clock("+1h") },
  clockBehind: { title: "clock −1 h", ...clock("-1h") },
  crashingAgent: {
    title: "new agent crashes at start",
    async configure({ lab }, now) {
      const bundle = "crashes.js";
      await lab.config.commit("An agent that crashes", {}, { [`agents/${bundle}`]: "process.exit(1);\n" });
      return { ...now, agent: { version: now.release, bundle } };
    },
  },
  strayAgent: {
    title: "new agent cannot connect",
    force: true,
    configure: async (lane, now) => ({
      ...now,
      // Port 9 of the lab's own address: nobody listens there.
      units: {
        ...now.units,
        ...(await lane.otherUnits({ url: new URL(lane.lab.dashboard.origin).origin.replace(/\d+$/, "9") })),
      },
    }),
  },
  failedUnit: { title: "activation exits 4 with a failed unit", configure: withUnit("database.service", failingUnit) },
  hangingActivation: {
    title: "activation hangs",
    configure: async (_, now) => ({ ...now, activation: hangingActivation }),
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

/** Resolves when the host's own record of the run has an outcome. */
export async function untilOutcome({ host }: Lane, run: string, limitMs: number): Promise<void> {
  const path = `/var/lib/nixfleet-runner/runs/${run}/outcome.json`;
  await until(`The run's outcome is on the host`, async () => (await host.exec(["test", "-e", path])).exitCode === 0, limitMs);
}
