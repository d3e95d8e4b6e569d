import { DEFAULT_KIND, HOST_KINDS, type HostKind } from "./host-kinds.ts";

/** What `hosts/<name>/host.json` of the lab's config repository says of a host. Everything in it makes the closure another one. */
export interface HostConfiguration {
  platform: "nixos" | "home-manager";
  /** Of a home. */
  user: string;
  /** A label: change it, and the closure is another with nothing else changed. */
  release: string;
  /** What a boot reads again: change one, and a reboot is needed. */
  kernel: string;
  initrd: string;
  kernelModules: string;
  /** The agent's package: `bundle` is a file below `agents/`. Another version is another store path. None: no agent. */
  agent: { version: string; bundle: string } | null;
  packages: Record<string, Package>;
  /** Unit files by name; @agent@ stands for the agent's store path. */
  units: Record<string, string>;
  /** Units of the root file system that are the configuration's too, with what their [Install] says. */
  debianUnits: string[];
  /** Files below /etc, or below the home. */
  etc: Record<string, string>;
  /** Shell text for the activation, run as root (as the user, for a home). */
  activation: string;
  /** Shell text by name, before a switch: one that fails refuses it. */
  preSwitchChecks: Record<string, string>;
  /** What may not change under a running system, by name (`system.switch.inhibitors`). */
  inhibitors: Record<string, string>;
  /** Another one than the running system's can only be booted. */
  initInterface: string;
  /** By name: what is another one in each. None of them has any of its own. */
  specialisations: Record<string, Partial<HostConfiguration>>;
  /** Where the way to the closure waits while /run/lab/hold-<gate> is there. */
  gates: Gate[];
}

/** In the middle of an evaluation, or of a build. */
export type Gate = "evaluate" | "build";

/** A derivation in the closure. */
export interface Package {
  version: string;
  /** How long it builds, and how many lines it prints meanwhile. */
  seconds: number;
  lines: number;
  fails: boolean;
}

export function createPackage(version: string, more: Partial<Package> = {}): Package {
  return { version, seconds: 0, lines: 1, fails: false, ...more };
}

/** A host with some services and no agent yet. */
export function plainHost(platform: HostConfiguration["platform"] = "nixos", kind: HostKind = DEFAULT_KIND): HostConfiguration {
  const isHome = platform === "home-manager";
  return {
    platform,
    user: isHome ? "alice" : "root",
    release: "25.11.1",
    kernel: "6.12.40",
    initrd: "6.12.40-1",
    kernelModules: "6.12.40",
    agent: null,
    packages: { hello: createPackage("2.12") },
    units: isHome ? { "notes.service": longRunning("Keeps notes") } : { "web.service": longRunning("Serves pages"), ...backup },
    // As on NixOS: the socket starts the service.
    debianUnits: HOST_KINDS[kind].nixDaemon && !isHome ? ["nix-daemon.socket", "nix-daemon.service"] : [],
    etc: isHome ? { ".config/motd": "Good morning\n" } : { motd: "Welcome\n" },
    activation: "",
    preSwitchChecks: {},
    inhibitors: {},
    initInterface: "systemd 2",
    specialisations: {},
    gates: [],
  };
}

/** A service that does nothing, forever. */
export function longRunning(description: string, more = ""): string {
  return `[Unit]
Description=${description}
[Service]
ExecStart=/bin/sleep infinity
ExecReload=/bin/true
${more}
[Install]
WantedBy=multi-user.target default.target
`;
}

/** A timer, and what it starts. */
const backup = {
  "backup.service": "[Unit]\nDescription=Saves what matters\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
  "backup.timer": "[Unit]\nDescription=Saves daily\n[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
};

/** A service that cannot start: a switch to it ends with exit code 4. */
export const failingUnit = `[Unit]
Description=Cannot start
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo "no such database" >&2; exit 3'
[Install]
WantedBy=multi-user.target
`;

/** A service that ends at once and is started again and again: it is in no list of failed units while it waits for its next start. */
export const restartingUnit = longRunning("Falls over", "Restart=always\nRestartSec=600").replace(
  "/bin/sleep infinity",
  "/bin/false",
);

/** A network configuration that is wrong: it takes the host off the network until a configuration without it is activated. */
export const brokenNetworkUnit = `[Unit]
Description=A network configuration that is wrong
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link set eth0 down
ExecStop=/sbin/ip link set eth0 up
[Install]
WantedBy=multi-user.target
`;

/** An activation that never finishes. */
export const hangingActivation = "sleep infinity";
