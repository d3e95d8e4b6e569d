import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostConfiguration } from "./host-configuration.ts";

/** What a host's own configuration sets of the agent, by the names of its environment. */
export type AgentSettings = Readonly<Record<string, string>>;

/** The daemon's alone: the runner has no business with it. */
const OF_THE_DAEMON = new Set([
  "NIXFLEET_URL",
  "NIXFLEET_INTERVAL",
  "NIXFLEET_LOCATION",
  "NIXFLEET_DEVICE_TYPE",
  "NIXFLEET_TAGS",
]);

/**
 * The units that install the agent, as its module would generate them: @agent@ in them stands for its store path, which is
 * known when the closure is built.
 */
export function agentUnits(platform: HostConfiguration["platform"], settings: AgentSettings): Record<string, string> {
  const directory = join(import.meta.dirname, "units", platform);
  return Object.fromEntries(
    readdirSync(directory).map((name) => {
      const isDaemon = name === "nixfleet-agent.service";
      const lines = Object.entries(settings)
        .filter(([key]) => isDaemon || !OF_THE_DAEMON.has(key))
        .map(([key, value]) => `Environment="${key}=${value}"`);
      return [name, readFileSync(join(directory, name), "utf8").replace("@settings@", lines.join("\n"))];
    }),
  );
}

/** What the module sets beside the units: the user, the group that both processes share, and the directories in which they meet. */
export const agentEtc: Readonly<Record<string, string>> = {
  "sysusers.d/nixfleet.conf":
    'g nixfleet -\nu nixfleet-agent - "NixFleet agent" /var/lib/nixfleet-agent\nm nixfleet-agent nixfleet\n',
  // New files in the runner's directories get the group of the directory.
  "tmpfiles.d/nixfleet.conf": [
    "d /var/lib/nixfleet-agent 0750 nixfleet-agent nixfleet",
    "d /var/lib/nixfleet-agent/queue 0750 nixfleet-agent nixfleet",
    "d /var/lib/nixfleet-runner 2750 root nixfleet",
    "d /var/lib/nixfleet-runner/runs 2750 root nixfleet",
    "",
  ].join("\n"),
  // systemd-nspawn gives each boot of a host a boot id of its own by a mount, which ProtectKernelTunables= takes off again. On a
  // machine it is the kernel's, and daemon and runner see the same one.
  "systemd/system/nixfleet-agent.service.d/lab.conf":
    "[Service]\nBindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id\n",
  "tmpfiles.d/lab.conf": "C /run/boot-id 0444 root root - /proc/sys/kernel/random/boot_id\n",
};
