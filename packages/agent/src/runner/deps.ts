import type { Facts, OpName } from "@nixfleet/protocol";
import type { Clock, Disk, Exec, GitCredentials } from "@nixfleet/runtime";
import type { AgentProgram } from "../deadman/program.ts";
import type { Platform } from "../platforms/platform.ts";
import type { HealthCheck } from "../settings.ts";

/** What the host's own configuration says. The dashboard cannot change any of it. */
export interface RunnerConfig {
  hostname: string;
  repoUrl: string;
  branch: string;
  /** Folder of the flake within the repository; empty: its root. */
  flakeDir: string;
  credentials: GitCredentials;
  /** Whether the flake is evaluated with the submodules of its repository. */
  submodules: boolean;
  /** Address of the dashboard, as set. */
  url: string;
  allowedOps: readonly OpName[];
  allowRewind: boolean;
  signing: { required: boolean; allowedSignersFile: string | undefined; openpgpKeysFile: string | undefined };
  /** Seconds from arming to undoing; 0: nothing is armed. */
  confirmTimeout: number;
  healthChecks: readonly HealthCheck[];
  ignoreFailedUnits: readonly string[];
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
  /** Starts this very agent again: what undoes must not depend on the one that is activated. */
  program: AgentProgram;
  exec: Exec;
  clock: Clock;
  /** The monotonic clock of this boot, in milliseconds. Absent: the machine's. */
  monotonicNow?: () => number;
  /** Where the queue is emptied and runs are begun. Absent: the disk of this machine. */
  disk?: Disk;
  /** The runner's own environment: programs get a chosen part of it. */
  env: Readonly<Record<string, string | undefined>>;
  /** What the machine itself tells: kernel, memory, Nix's version, …; for `refresh`. */
  readMachineFacts(): Promise<Partial<Facts>>;
  /** A line for the runner's own log, for what belongs to no run. */
  log(message: string): void;
}
