import { setTimeout as sleep } from "node:timers/promises";
import { type AgentSettings, installedAgent } from "../agent-units.ts";
import { BUILT_AGENT } from "../config-repository.ts";
import type { Host } from "../host.ts";
import { type HostConfiguration, plainHost } from "../host-configuration.ts";
import { type Lab, startLab } from "../lab.ts";
import { BOOT_UNDO_GATE, HOLD, UNDO_GATE } from "./undo-gates.ts";

/** Seconds of the confirm window: long enough for a switch on a busy machine, short enough to wait for its end often. */
export const CONFIRM_TIMEOUT = 25;

/** The directories of the agent. Each is on a small disk, as is the store. */
export const STATE_DIRECTORIES = ["/var/lib/nixfleet-runner", "/var/lib/nixfleet-agent"] as const;
const DISKS = { "/nix": 256, "/var/lib/nixfleet-runner": 32, "/var/lib/nixfleet-agent": 8 };

const settings: AgentSettings = {
  confirmTimeout: CONFIRM_TIMEOUT,
  // Does not hold while a file is there: so a run can be kept confirming.
  healthChecks: [
    {
      kind: "command",
      name: "not held",
      argv: ["/bin/sh", "-c", "mkdir -p /run/lab && touch /run/lab/at-confirm && test ! -e /run/lab/hold-confirm"],
    },
  ],
};

/** A lab of its own with one host, on which one cell of the matrix after the other is tried. */
export interface Lane extends AsyncDisposable {
  readonly lab: Lab;
  readonly host: Host;
  /** A host that is well: the same as before, or a new one, if a cell has left that one unwell. */
  prepare(): Promise<void>;
  /** Says that the host is well after all. */
  isWell(): void;
  /** The units of the agent with other settings than the host has. */
  otherUnits(other: AgentSettings): Promise<Readonly<Record<string, string>>>;
  /** Another configuration for the host, by change of the one that it began with. */
  publish(label: string, change: (plain: HostConfiguration) => Promise<HostConfiguration>): Promise<string>;
}

export async function startLane(): Promise<Lane> {
  const lab = await startLab();
  let host: Host | undefined;
  let begun: HostConfiguration | undefined;
  let well = false;
  let hosts = 0;
  const make = async () => {
    const name = `host${++hosts}`;
    host = await lab.addHost(name, { settings, smallDisks: DISKS, configure: withGates });
    begun = lab.config.configuration(name);
  };
  const lane: Lane = {
    lab,
    get host() {
      if (host === undefined) throw new Error("The lane has no host yet.");
      return host;
    },
    async prepare() {
      if (!well) {
        await host?.powerLoss();
        await make();
      }
      well = false;
    },
    isWell() {
      well = true;
    },
    async otherUnits(other) {
      const all = { url: lab.dashboard.origin, repoUrl: lab.repoUrl, tokenFile: "/etc/nixfleet/token", ...settings, ...other };
      return (await installedAgent(plainHost(), all)).units;
    },
    async publish(label, change) {
      const plain = begun;
      if (plain === undefined) throw new Error("The lane has no host yet.");
      return lab.config.commit(label, { [lane.host.name]: await change({ ...plain, release: label }) });
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
  return lane;
}

/** The daemon's start and undos can be kept from going on: the drop-ins are as a host's own configuration could add them. */
function withGates(plain: HostConfiguration): HostConfiguration {
  const dropIn = (wait: string) => `[Service]\nExecStartPre=/bin/sh -c '${wait}'\n`;
  return {
    ...plain,
    agent: { version: "1.0", bundle: BUILT_AGENT },
    activation: `${UNDO_GATE}${plain.activation}`,
    etc: {
      ...plain.etc,
      "systemd/system/nixfleet-agent.service.d/hold.conf": dropIn("while [ -e /run/lab/hold-restart ]; do sleep 0.1; done"),
      "systemd/system/nixfleet-deadman.service.d/hold.conf": dropIn(BOOT_UNDO_GATE),
      "tmpfiles.d/lab-hold.conf": `d ${HOLD} 0755 root root -\n`,
    },
  };
}

/** Asks again and again until it holds; throws with what was asked for when the time is over. */
export async function until(what: string, holds: () => Promise<boolean>, limitMs: number): Promise<void> {
  const limit = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`${what}: not within ${limitMs / 1000} s.`);
    await sleep(150);
  }
}
