import { systemClock } from "@nixfleet/runtime";
import { createLog } from "../log.ts";
import { runRunner } from "../runner/runner.ts";
import { runnerSettings } from "../settings.ts";
import { type Environment, settingsOrFaults } from "./read-settings.ts";
import { createRunnerDeps } from "./runner-deps.ts";

/** `nixfleet-agent runner`: does what the queue holds, then ends. Returns the exit code. */
export async function runner(env: Environment): Promise<number> {
  const settings = settingsOrFaults(runnerSettings, env);
  if (settings === undefined) return 2;
  const log = createLog({
    level: settings.logLevel,
    clock: systemClock,
    write: (line) => process.stderr.write(line),
    secrets: [],
  });
  const result = await runRunner(createRunnerDeps(settings, env, (message) => log.info("runner", { message })));
  log.info("runner-done", result.kind === "done" ? { runs: result.runs } : { busy: result.owner.pid });
  return 0;
}
