import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Host } from "./host.ts";
import type { HostKind } from "./host-kinds.ts";

export interface Versions {
  readonly systemd: string;
  readonly nix: string;
  readonly git: string;
}

/** As the programs of a host say them, without Debian's additions. */
export async function versionsOn(host: Host): Promise<Versions> {
  const number = (text: string) => /\d+(\.\d+)*/.exec(text)?.[0] ?? text;
  return {
    systemd: number(await host.run("systemctl", "--version")),
    nix: number(await host.run("nix", "--version")),
    git: number(await host.run("git", "--version")),
  };
}

const TABLE = resolve(import.meta.dirname, "../docs/versions.md");

/** What docs/versions.md says of a kind of host: `| forky | 262 | 2.34.8 | 2.53.0 | …`. */
export function readVersions(kind: HostKind): Versions {
  const row = readFileSync(TABLE, "utf8")
    .split("\n")
    .find((line) => line.startsWith(`| ${kind} |`));
  const [, , systemd, nix, git] = row?.split("|").map((cell) => cell.trim()) ?? [];
  if (systemd === undefined || nix === undefined || git === undefined)
    throw new Error(`docs/versions.md has no row for ${kind}.`);
  return { systemd, nix, git };
}
