import { OpName, shortCommit } from "@nixfleet/protocol";
import { readSettings } from "@nixfleet/runtime";
import { ALL_SETTING_NAMES, runnerSettings, stateDirsOf } from "../settings.ts";
import { type HostStatus, type RunSummary, readHostStatus } from "./host-status.ts";
import { type Environment, readSettingFile } from "./read-settings.ts";
import { describeOutcome, printable, timeOf } from "./run-printer.ts";

/**
 * `nixfleet-agent status`: what runs, what is armed, what waits, and how the last run ended. It works with everything else gone.
 * Returns 0 if the daemon runs, 3 if not, as `systemctl status` does.
 */
export async function status(
  env: Environment,
  { json = false }: { json?: boolean } = {},
  write = (text: string) => void process.stdout.write(text),
): Promise<number> {
  const read = readSettings(runnerSettings, env, readSettingFile, { alsoKnown: ALL_SETTING_NAMES });
  const set = { stateDir: env["NIXFLEET_STATE_DIR"] || undefined, runnerDir: env["NIXFLEET_RUNNER_DIR"] || undefined };
  const found = await readHostStatus(stateDirsOf(set, env), read.ok ? read.settings : undefined, env);
  if (json) write(`${JSON.stringify(found, null, 2)}\n`);
  else for (const [name, text] of describe(found, Date.now())) write(`${name.padEnd(10)} ${printable(text)}\n`);
  return found.daemon === null ? 3 : 0;
}

function describe(found: HostStatus, now: number): [name: string, text: string][] {
  const { queued, failedUnits, last, runner } = found;
  return [
    ["daemon", describeDaemon(found)],
    ["runner", runner === null ? "idle" : `running as process ${runner.pid}`],
    ["system", describeSystem(found)],
    ["armed", describeArmed(found.armed, now)],
    [
      "units",
      failedUnits === null ? "not known" : failedUnits.length === 0 ? "none failed" : `failed: ${failedUnits.join(", ")}`,
    ],
    ["policy", describePolicy(found.policy)],
    ...found.active.map((run): [string, string] => ["active", describeRun(run)]),
    ["queue", queued.length === 0 ? "empty" : `${queued.length} waiting`],
    ...queued.map((run): [string, string] => ["", describeRun(run)]),
    ["last run", last === null ? "none yet" : `${describeRun(last)}: ${describeOutcome(last.outcome)} (${timeOf(last.endedAt)})`],
    ...found.problems.map((problem): [string, string] => ["note", problem]),
  ];
}

function describeDaemon({ daemon, stateDir }: HostStatus): string {
  if (daemon === null) return `does not run (${stateDir}): nixfleet-agent check says why`;
  const { pid, startedAt, welcomedAt } = daemon;
  if (startedAt === null) return `runs as process ${pid}`;
  const welcomed = welcomedAt === null ? "not yet welcomed by the dashboard" : `last welcomed ${timeOf(welcomedAt)}`;
  return `runs as process ${pid} since ${timeOf(startedAt)}, ${welcomed}`;
}

function describeSystem({ running, deployed }: HostStatus): string {
  if (running === null && deployed === null) return "not known: nothing was deployed by this agent yet";
  const commit =
    deployed === null
      ? "not deployed by this agent"
      : `commit ${deployed.commit === null ? "unknown" : shortCommit(deployed.commit)}, run ${deployed.runId}`;
  return `${running ?? `last deployed ${deployed?.closure}`} (${commit})`;
}

function describeArmed(armed: HostStatus["armed"], now: number): string {
  if (armed === null) return "nothing";
  const { runId, until, back } = armed;
  const when = until < now ? `was to be undone at ${timeOf(until)}: nixfleet-agent undo does it now` : `until ${timeOf(until)}`;
  return `run ${runId}, ${when}; without confirmation the host goes back to ${back}`;
}

function describePolicy(policy: HostStatus["policy"]): string {
  if (policy === null) return "not known: a setting is missing or wrong, nixfleet-agent check says which";
  const { allowedOps, signingRequired, allowRewind, confirmTimeout } = policy;
  return [
    allowedOps.length === OpName.options.length ? "all ops" : `only ${allowedOps.join(", ")}`,
    signingRequired ? "signed commits only" : "commits need no signature",
    allowRewind ? "older commits when forced" : "no older commits",
    confirmTimeout === 0 ? "no dead-man switch" : `undone after ${confirmTimeout} s without confirmation`,
  ].join("; ");
}

function describeRun({ runId, op, commit, askedBy }: RunSummary): string {
  if (op === null) return runId;
  return `${runId} ${op}${commit === null ? "" : ` to ${shortCommit(commit)}`}, asked by ${askedBy}`;
}
