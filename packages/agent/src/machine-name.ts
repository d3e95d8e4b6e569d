import { spawnSync } from "node:child_process";
import { hostname } from "node:os";

/** What is asked for a machine's name. */
export interface NameSource {
  os: NodeJS.Platform;
  hostname(): string;
  /** What `scutil --get` says (scutil(8)); undefined: nothing. */
  scutil(key: "LocalHostName"): string | undefined;
}

const thisMachine: NameSource = {
  os: process.platform,
  hostname,
  scutil(key) {
    const { status, stdout } = spawnSync("/usr/sbin/scutil", ["--get", key], { encoding: "utf8", env: {}, timeout: 5000 });
    return status === 0 ? stdout : undefined;
  },
};

/**
 * The machine's name without a domain. On macOS that is LocalHostName, by which darwin-rebuild finds a configuration
 * (darwin-rebuild.sh of nix-darwin): what hostname(1) says there can come from DHCP, and change with the network.
 */
export function machineName(source = thisMachine): string {
  const local = source.os === "darwin" ? source.scutil("LocalHostName")?.trim() : undefined;
  const name = local || source.hostname();
  return name.split(".", 1)[0] || name;
}
