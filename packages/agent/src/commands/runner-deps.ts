import { exec, systemClock } from "@nixfleet/runtime";
import type { RunnerDeps } from "../runner/deps.ts";
import type { RunnerSettings } from "../settings.ts";
import { AGENT_VERSION } from "../version.ts";
import { createHostReaders } from "./host-readers.ts";
import { ownProgram } from "./own-program.ts";
import type { Environment } from "./read-settings.ts";

/** All that a run on this host needs, as the host's settings say. */
export function createRunnerDeps(settings: RunnerSettings, env: Environment, log: RunnerDeps["log"]): RunnerDeps {
  const host = createHostReaders(settings, env);
  return {
    config: {
      hostname: host.hostname,
      repoUrl: settings.repoUrl,
      branch: settings.branch,
      flakeDir: settings.flakeDir,
      credentials: host.credentials,
      submodules: settings.submodules,
      url: settings.url,
      allowedOps: settings.allowedOps,
      allowRewind: settings.allowRewind,
      signing: {
        required: settings.signingRequired,
        allowedSignersFile: settings.allowedSignersFile,
        openpgpKeysFile: settings.openpgpKeysFile,
      },
      confirmTimeout: settings.confirmTimeout,
      healthChecks: settings.healthChecks,
      ignoreFailedUnits: settings.ignoreFailedUnits,
      stateDir: host.stateDir,
      runnerDir: host.runnerDir,
      systemRoot: settings.systemRoot,
      agentVersion: AGENT_VERSION,
    },
    platform: host.platform,
    program: ownProgram(),
    exec,
    clock: systemClock,
    env,
    async readMachineFacts() {
      const [machine, nix, failedUnits] = await Promise.all([host.machineFacts(), host.nixVersion(), host.failedUnits()]);
      return { ...machine, ...(nix !== undefined && { nix }), ...(failedUnits !== undefined && { failedUnits }) };
    },
    log,
  };
}
