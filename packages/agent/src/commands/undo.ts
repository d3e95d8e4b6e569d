import { deployedClosure, type OpRequest } from "@nixfleet/protocol";
import { exec, systemClock } from "@nixfleet/runtime";
import { readArmed } from "../deadman/record.ts";
import { recordedPlatform } from "../deadman/recorded-host.ts";
import { readUndoOutput, undo } from "../deadman/undo.ts";
import { listGenerations } from "../platforms/links.ts";
import type { Platform } from "../platforms/platform.ts";
import { readSystemFacts } from "../runner/facts.ts";
import { previousGeneration } from "../runner/generations.ts";
import { runnerSettings, stateDirsOf } from "../settings.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createTerminal, EXIT, runAtTerminal, type Write, wrongUserReason } from "./by-hand.ts";
import { type Environment, settingsOrFaults } from "./read-settings.ts";
import { printable, timeOf } from "./run-printer.ts";
import { createRunnerDeps } from "./runner-deps.ts";

/**
 * `nixfleet-agent undo`: undoes now what is armed, by the armed record alone; else goes back to the generation before the current
 * one, or to `to`, as a rollback from the page does; `force` skips what a rollback's does. Returns the exit code.
 */
export async function undoByHand(
  { to, force }: { to: number | undefined; force: boolean },
  env: Environment,
  write: Write = createTerminal(),
): Promise<number> {
  const set = { stateDir: undefined, runnerDir: env["NIXFLEET_RUNNER_DIR"] || undefined };
  const { runnerDir } = stateDirsOf(set, env);
  const armed = await readArmed(runnerLayout(runnerDir));
  if (armed.kind === "refused") write(`The armed record cannot be read: ${printable(armed.reason)}\n`);
  if (armed.kind === "ok") {
    const { host, until, runId } = armed.value;
    const wrongUser = await wrongUserReason({ ...host, scope: recordedPlatform(host, exec).scope }, runnerDir);
    if (wrongUser !== undefined) return refuse(wrongUser, write);
    write(`Run ${runId} is armed until ${timeOf(until)}: undoing it now.\n`);
    const code = await undoArmed(runnerDir, write);
    if (to === undefined || code !== EXIT.done) return code;
  }
  const settings = settingsOrFaults(runnerSettings, env);
  if (settings === undefined) return 2;
  const deps = createRunnerDeps(settings, env, (message) => write(`${message}\n`));
  const wrongUser = await wrongUserReason({ ...settings, scope: deps.platform.scope }, deps.config.runnerDir);
  if (wrongUser !== undefined) return refuse(wrongUser, write);
  return runAtTerminal(deps, { ask: () => rollbackRequest(deps.platform, deps.config.runnerDir, to), force, write });
}

async function undoArmed(runnerDir: string, write: Write): Promise<number> {
  const cause = { code: "cancelled-by-person", reason: "Undone by a person on the host." } as const;
  const result = await undo(
    { runnerDir, exec, clock: systemClock, log: (message) => write(`${message}\n`) },
    { why: "person", cause },
  );
  if (result.kind === "nothing") {
    write("It was confirmed or undone at the same moment: see nixfleet-agent status.\n");
    return EXIT.failed;
  }
  const { armed, undone } = result;
  const output = await readUndoOutput(runnerLayout(runnerDir).run(armed.runId));
  write(
    output
      .split("\n")
      .map((line) => `${printable(line)}\n`)
      .join("")
      .trimStart(),
  );
  if (undone.left === null) write(`The host runs ${undone.running} again.\n`);
  return undone.left === null ? EXIT.done : EXIT.failed;
}

/** What restores the generation that is asked for, or the one before the current one. */
async function rollbackRequest(platform: Platform, runnerDir: string, to: number | undefined): Promise<OpRequest | string> {
  if (to !== undefined) return { op: "rollback", args: { generation: to } };
  const profile = await platform.profile();
  const generations = profile === undefined ? [] : await listGenerations(profile);
  const { running } = await readSystemFacts(platform, runnerDir);
  const generation = previousGeneration(generations, running && deployedClosure(running));
  if (generation === undefined)
    return "This host has no earlier generation to go back to. nixfleet-agent deploy switches it to the tip of the branch.";
  return { op: "rollback", args: { generation } };
}

function refuse(reason: string, write: Write): number {
  write(`refused: ${reason}\n`);
  return EXIT.refused;
}
