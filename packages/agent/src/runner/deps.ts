import type { Facts, OpName } from "@nixfleet/protocol";
import type { Clock, Exec, GitCredentials } from "@nixfleet/runtime";
import type { Platform } from "../platforms/platform.ts";

/** What the host's own configuration says. The dashboard cannot change any of it. */
export interface RunnerConfig {
  hostname: string;
  repoUrl: string;
  branch: string;
  credentials: GitCredentials;
  allowedOps: readonly OpName[];
  allowRewind: boolean;
  /** The daemon's directory. */
  stateDir: string;
  /** The runner's own directory. */
  runnerDir: string;
  systemRoot: string;
  agentVersion: string;
}

export interface RunnerDeps {
  config: RunnerConfig;
  platform: Platform;
  exec: Exec;
  clock: Clock;
  /** The runner's own environment: programs get a chosen part of it. */
  env: Readonly<Record<string, string | undefined>>;
  /** What the machine itself tells: kernel, memory, Nix's version, …; for `refresh`. */
  readMachineFacts(): Promise<Partial<Facts>>;
  /** A line for the runner's own log, for what belongs to no run. */
  log(message: string): void;
}
