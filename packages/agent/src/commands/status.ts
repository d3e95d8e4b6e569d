import { join } from "node:path";
import type { Outcome, RunId } from "@nixfleet/protocol";
import { lockOwner, readSettings } from "@nixfleet/runtime";
import { ALL_SETTING_NAMES, type RunnerSettings, runnerSettings, stateDirsOf } from "../settings.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { RunRequest } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";
import { createHostReaders } from "./host-readers.ts";
import { type Environment, readSettingFile } from "./read-settings.ts";

/**
 * `nixfleet-agent status`: what the files of daemon and runner say. It asks nobody over a network and changes nothing, so it
 * works with the dashboard gone. Returns 0 if the daemon runs, 3 if not, as `systemctl status` does.
 */
export async function status(env: Environment, write = (text: string) => void process.stdout.write(text)): Promise<number> {
  const read = readSettings(runnerSettings, env, readSettingFile, { alsoKnown: ALL_SETTING_NAMES });
  const set = { stateDir: env["NIXFLEET_STATE_DIR"] || undefined, runnerDir: env["NIXFLEET_RUNNER_DIR"] || undefined };
  const { stateDir, runnerDir } = stateDirsOf(set, env);
  const line = (name: string, text: string) => write(`${name.padEnd(10)} ${text}\n`);
  const spool = createSpoolReader(runnerDir);
  const files = createDaemonFiles(stateDir);

  const daemon = await lockOwner(join(stateDir, "daemon.lock"));
  line(
    "daemon",
    daemon === undefined ? `does not run (${stateDir})` : `runs as process ${daemon.pid}${await lastWelcome(files)}`,
  );
  const runner = await lockOwner(runnerLayout(runnerDir).lock);
  line("runner", runner === undefined ? "idle" : `at work as process ${runner.pid}`);
  line("system", await describeSystem(read.ok ? read.settings : undefined, runnerDir, env));

  const runs = (await spool.runs()).reverse();
  const ended = await findLastEnded(spool, runs);
  for (const runId of runs.slice(0, ended === undefined ? undefined : runs.indexOf(ended.runId))) {
    line("active", await describeRequest(runId, runnerLayout(runnerDir).run(runId).request));
  }
  const queued = await files.queued();
  line("queue", queued.length === 0 ? "empty" : `${queued.length} waiting`);
  for (const runId of queued) line("", await describeRequest(runId, daemonLayout(stateDir).request(runId)));
  if (ended === undefined) line("last run", "none yet");
  else {
    const request = await describeRequest(ended.runId, runnerLayout(runnerDir).run(ended.runId).request);
    line("last run", `${request}: ${describeOutcome(ended.outcome)}, ${new Date(ended.endedAt).toISOString()}`);
  }
  return daemon === undefined ? 3 : 0;
}

async function lastWelcome(files: ReturnType<typeof createDaemonFiles>): Promise<string> {
  const told = await files.readStatus();
  if (told.kind !== "ok") return "";
  const { connectedAt, startedAt } = told.value;
  const welcomed =
    connectedAt === null ? "not yet welcomed by the dashboard" : `last welcomed ${new Date(connectedAt).toISOString()}`;
  return ` since ${new Date(startedAt).toISOString()}, ${welcomed}`;
}

async function describeSystem(settings: RunnerSettings | undefined, runnerDir: string, env: Environment): Promise<string> {
  const platform = settings && createHostReaders(settings, env).platform;
  const running = await platform?.runningClosure();
  const deployments = await createLedger(runnerLayout(runnerDir).deployments).read();
  const deployed = deployments.findLast(({ closure }) => running === undefined || closure === running);
  if (running === undefined && deployed === undefined) return "not known: nothing was deployed by this agent yet";
  const commit =
    deployed === undefined
      ? "not deployed by this agent"
      : `commit ${deployed.commit?.slice(0, 12) ?? "unknown"}, run ${deployed.runId}`;
  return `${running ?? `last deployed ${deployed?.closure}`} (${commit})`;
}

async function findLastEnded(spool: ReturnType<typeof createSpoolReader>, newestFirst: readonly RunId[]) {
  for (const runId of newestFirst) {
    const read = await spool.outcome(runId);
    if (read.kind === "ok") return { runId, ...read.value };
  }
  return undefined;
}

async function describeRequest(runId: RunId, path: string): Promise<string> {
  const request = await readStrangerJson(path, RunRequest);
  if (request.kind !== "ok") return runId;
  const { op, commit, askedBy } = request.value;
  return `${runId} ${op}${commit === null ? "" : ` to ${commit.slice(0, 12)}`}, asked by ${askedBy}`;
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.state === "succeeded" || outcome.state === "cancelled") return outcome.state;
  return `${outcome.state} (${outcome.code}): ${outcome.reason}`;
}
