import { existsSync, readFileSync } from "node:fs";
import { Platform } from "@nixfleet/protocol";
import { formatFaults, readSettings, type SettingFault, type SettingsOf, type SettingsSpec } from "@nixfleet/runtime";
import { ALL_SETTING_NAMES, type RunnerSettings } from "../settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings from the environment. On faults they are printed, all at once, and there are none: the exit code is 2. */
export function settingsOrFaults<S extends SettingsSpec>(spec: S, env: Environment): SettingsOf<S> | undefined {
  const read = readSettings(spec, env, readSettingFile, { alsoKnown: ALL_SETTING_NAMES });
  for (const warning of read.warnings) process.stderr.write(`warning: ${formatFaults([warning])}\n`);
  if (read.ok) return read.settings;
  process.stderr.write(`${faultsText(read.faults)}\n`);
  return undefined;
}

export function faultsText(faults: readonly SettingFault[]): string {
  return `nixfleet-agent cannot start: ${faults.length === 1 ? "a setting is" : `${faults.length} settings are`} wrong.\n${formatFaults(faults)}`;
}

export const readSettingFile = (path: string) => readFileSync(path, "utf8");

/** What a machine shows of itself to tell a platform by. */
interface Machine {
  os: NodeJS.Platform;
  exists(path: string): boolean;
}

/** How a machine shows each platform. `false`: it does not, the platform is what is left, or has to be set. */
const MARKS: Record<Platform, false | ((machine: Machine) => boolean)> = {
  // nixos-enter(8) goes by it.
  nixos: ({ os, exists }) => os === "linux" && exists("/etc/NIXOS"),
  darwin: ({ os }) => os === "darwin",
  "home-manager": false,
};

/** The platform as set, else as the machine shows it. */
export function platformOf(
  settings: Pick<RunnerSettings, "platform">,
  machine: Machine = { os: process.platform, exists: existsSync },
): Platform {
  if (settings.platform !== undefined) return settings.platform;
  return Platform.options.find((name) => MARKS[name] !== false && MARKS[name](machine)) ?? "home-manager";
}
