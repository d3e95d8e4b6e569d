import { access } from "node:fs/promises";
import { type Facts, type Platform, shorten } from "@nixfleet/protocol";
import { type Exec, succeeded } from "@nixfleet/runtime";
import * as z from "zod";

/** Milliseconds that a program which only tells something may take. */
const LIMIT = 10_000;

export interface CommandDeps {
  exec: Exec;
  /** Where `PATH` and the user's own bus are taken from; nothing else is passed on. */
  env: Readonly<Record<string, string | undefined>>;
}

function environment(env: CommandDeps["env"], names: readonly string[]): Record<string, string> {
  return { LC_ALL: "C", ...Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))) };
}

/** Nix's version, from `nix --version`; undefined where Nix cannot be run. Evaluates and builds nothing (R21). */
export async function readNixVersion({ exec, env }: CommandDeps): Promise<string | undefined> {
  const result = await exec({
    argv: ["nix", "--version"],
    env: environment(env, ["PATH"]),
    signal: AbortSignal.timeout(LIMIT),
  }).result;
  if (!succeeded(result)) return undefined;
  // "nix (Nix) 2.28.3", "nix (Lix, like Nix) 2.93.0", "nix (Determinate Nix 3.6.2) 2.29.0"
  const version = /^nix\b.*?(\S+)\s*$/m.exec(result.stdout)?.[1];
  return version === undefined ? undefined : shorten(version, 120);
}

const Units = z.array(z.object({ unit: z.string() }));

/**
 * Units that have failed, from `systemctl list-units --failed` (systemctl(1)): the system's, or the user's own for Home Manager.
 * Absent where systemd is not the service manager (sd_booted(3)).
 */
export async function readFailedUnits(
  { exec, env }: CommandDeps,
  platform: Platform,
  isBooted: () => Promise<boolean> = bootedBySystemd,
): Promise<Facts["failedUnits"] | undefined> {
  if (platform === "darwin" || !(await isBooted())) return undefined;
  const scope = platform === "home-manager" ? ["--user"] : [];
  const result = await exec({
    argv: ["systemctl", ...scope, "list-units", "--failed", "--output=json", "--no-pager"],
    env: environment(env, ["PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"]),
    signal: AbortSignal.timeout(LIMIT),
  }).result;
  return succeeded(result) ? parseFailedUnits(result.stdout) : undefined;
}

/** Reads what `systemctl list-units --output=json` prints. */
export function parseFailedUnits(text: string): Facts["failedUnits"] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // A systemd before 246 prints a table: the fact is absent there.
  }
  const units = Units.safeParse(json);
  return units.success ? units.data.slice(0, 200).map(({ unit }) => shorten(unit, 256)) : undefined;
}

async function bootedBySystemd(): Promise<boolean> {
  try {
    await access("/run/systemd/system");
    return true;
  } catch {
    return false; // That directory is how sd_booted(3) tells.
  }
}
