import type { OpRequest } from "@nixfleet/protocol";
import { Commit } from "@nixfleet/protocol";
import { runnerSettings } from "../settings.ts";
import { createTerminal, EXIT, runAtTerminal, type Write, wrongUserReason } from "./by-hand.ts";
import { type Environment, settingsOrFaults } from "./read-settings.ts";
import { createRunnerDeps } from "./runner-deps.ts";

export interface DeployRequest {
  /** Absent: the tip of the branch. */
  commit: string | undefined;
  mode: "switch" | "boot" | "test";
  /** Null: none. Absent: the one that runs is kept. */
  specialisation: string | null | undefined;
  force: boolean;
}

/**
 * `nixfleet-agent deploy`: the switch of the page, done by hand on the host: armed, confirmed and undone by the same code, with no
 * dashboard needed. Returns the exit code.
 */
export async function deploy(
  { commit: asked, mode, specialisation, force }: DeployRequest,
  env: Environment,
  write: Write = createTerminal(),
): Promise<number> {
  const settings = settingsOrFaults(runnerSettings, env);
  if (settings === undefined) return 2;
  const commit = asked === undefined ? undefined : Commit.parse(asked);
  const deps = createRunnerDeps(settings, env, (message) => write(`${message}\n`));
  const wrongUser = await wrongUserReason({ ...settings, scope: deps.platform.scope }, deps.config.runnerDir);
  if (wrongUser !== undefined) {
    write(`refused: ${wrongUser}\n`);
    return EXIT.refused;
  }
  const request: OpRequest = {
    op: "switch",
    args: { mode, ...(commit && { commit }), ...(specialisation !== undefined && { specialisation }) },
  };
  return runAtTerminal(deps, { ask: async () => request, force, write });
}
