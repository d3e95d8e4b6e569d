import { exec, systemClock } from "@nixfleet/runtime";
import { createLog } from "../log.ts";
import { runRunner } from "../runner/runner.ts";
import { runnerSettings } from "../settings.ts";
import { AGENT_VERSION } from "../version.ts";
import { createHostReaders } from "./host-readers.ts";
import { ownProgram } from "./own-program.ts";
import { type Environment, settingsOrFaults } from "./read-settings.ts";

/** `nixfleet-agent runner`: does what the queue holds, then ends. Returns the exit code. */
export async function runner(env: Environment): Promise<number> {
  const settings = settingsOrFaults(runnerSettings, env);
  if (settings === undefined) return 2;
  const host = createHostReaders(settings, env);
  const log = createLog({
    level: settings.logLevel,
    clock: systemClock,
    write: (line) => process.stderr.write(line),
    secrets: [],
  });
  const result = await runRunner({
    config: {
      hostname: host.hostname,
      repoUrl: settings.repoUrl,
      branch: settings.branch,
      credentials: host.credentials,
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
    log: (message) => log.info("runner", { message }),
  });
  log.info("runner-done", result.kind === "done" ? { runs: result.runs } : { busy: result.owner.pid });
  return 0;
}
