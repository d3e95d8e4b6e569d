import type { Facts } from "@nixfleet/protocol";
import { createGit, exec, type GitCredentials, gitCredentials } from "@nixfleet/runtime";
import { createDarwinSource } from "../facts/darwin-source.ts";
import { createLinuxSource } from "../facts/linux-source.ts";
import { readMachineFacts } from "../facts/machine-facts.ts";
import type { MachineSource } from "../facts/machine-source.ts";
import { readNixVersion } from "../facts/nix-version.ts";
import { type Clone, createClone } from "../git/clone.ts";
import { createPlatform } from "../platforms/choose.ts";
import type { Platform } from "../platforms/platform.ts";
import { hostNameOf, type RunnerSettings, stateDirsOf } from "../settings.ts";
import { runnerLayout } from "../spool/layout.ts";
import { type Environment, platformOf } from "./read-settings.ts";

/** The parts that read this host, as its settings say: the same for daemon, runner, check and status. */
export interface HostReaders {
  hostname: string;
  stateDir: string;
  runnerDir: string;
  platform: Platform;
  source: MachineSource;
  credentials: GitCredentials;
  clone: Clone;
  nixVersion(): Promise<string | undefined>;
  failedUnits(): Promise<Facts["failedUnits"] | undefined>;
  /** What the machine tells of itself, without the agent's own facts. */
  machineFacts(): Promise<Partial<Facts>>;
}

export function createHostReaders(settings: RunnerSettings, env: Environment): HostReaders {
  const hostname = hostNameOf(settings);
  const { stateDir, runnerDir } = stateDirsOf(settings, env);
  const { flakeAttr, systemRoot, repoUrl, branch } = settings;
  const credentials = gitCredentials(settings);
  const source = process.platform === "darwin" ? createDarwinSource(exec) : createLinuxSource();
  const git = createGit({ exec, env, repoUrl, credentials });
  const platform = createPlatform({
    platform: platformOf(settings),
    hostname,
    flakeAttr,
    systemRoot,
    env,
    exec,
    activationCommand: settings.activationCommand,
    backupFileExtension: settings.backupFileExtension,
  });
  return {
    hostname,
    stateDir,
    runnerDir,
    platform,
    source,
    credentials,
    clone: createClone({ git, dir: runnerLayout(runnerDir).clone, url: repoUrl, branch, log: () => {} }),
    nixVersion: () => readNixVersion({ exec, env }),
    failedUnits: async () => (await platform.failedUnits())?.slice(),
    machineFacts: () => readMachineFacts({ source, platform: platform.name }),
  };
}
