import { join } from "node:path";
import type { Deployment, Outcome, RunId } from "@nixfleet/protocol";
import { lockOwner, messageOf } from "@nixfleet/runtime";
import { readArmed } from "../deadman/record.ts";
import type { RunnerSettings } from "../settings.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { TakenRequest } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";
import { createHostReaders } from "./host-readers.ts";
import type { Environment } from "./read-settings.ts";

/** A run as its request names it; nulls where that cannot be read. */
export interface RunSummary {
  runId: RunId;
  op: string | null;
  commit: string | null;
  askedBy: string | null;
}

/** What the files of daemon and runner, and the host itself, say. Null: there is none, or it cannot be told. */
export interface HostStatus {
  stateDir: string;
  runnerDir: string;
  daemon: { pid: number; startedAt: number | null; welcomedAt: number | null } | null;
  runner: { pid: number } | null;
  running: string | null;
  /** The last deployment of what runs, or the last one of all where that cannot be read. */
  deployed: Deployment | null;
  armed: { runId: RunId; until: number; back: string } | null;
  failedUnits: string[] | null;
  policy: Pick<RunnerSettings, "allowedOps" | "allowRewind" | "signingRequired" | "confirmTimeout"> | null;
  active: RunSummary[];
  queued: RunSummary[];
  last: (RunSummary & { outcome: Outcome; endedAt: number }) | null;
  /** What could not be read, and why. */
  problems: string[];
}

/**
 * Reads the status of this host. It asks nobody over a network and changes nothing; what cannot be read keeps nothing else from
 * being told. Without settings, what needs them is not told.
 */
export async function readHostStatus(
  { stateDir, runnerDir }: { stateDir: string; runnerDir: string },
  settings: RunnerSettings | undefined,
  env: Environment,
): Promise<HostStatus> {
  const problems: string[] = [];
  const attempt = async <T>(what: string, otherwise: T, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      problems.push(`${what} cannot be read: ${messageOf(error)}`);
      return otherwise;
    }
  };
  const layout = runnerLayout(runnerDir);
  const files = createDaemonFiles(stateDir);
  const platform = settings && createHostReaders(settings, env).platform;
  const running = await attempt("what runs", null, async () => (await platform?.runningClosure()) ?? null);
  const armed = await attempt("what is armed", undefined, () => readArmed(layout));
  if (armed?.kind === "refused") problems.push(`what is armed cannot be read: ${armed.reason}`);
  const { active, last } = await attempt("the runs", { active: [], last: null }, () => readRuns(runnerDir));
  return {
    stateDir,
    runnerDir,
    daemon: await attempt("the daemon", null, () => readDaemon(stateDir, files)),
    runner: await attempt("the runner", null, async () => pidOf(await lockOwner(layout.lock))),
    running,
    deployed: await attempt("the ledger", null, async () => {
      const deployments = await createLedger(layout.deployments).read();
      return deployments.findLast(({ closure }) => running === null || closure === running) ?? null;
    }),
    armed: armed?.kind === "ok" ? pick(armed.value) : null,
    failedUnits: await attempt("units", null, async () => (await platform?.failedUnits())?.slice() ?? null),
    policy: settings === undefined ? null : policyOf(settings),
    active,
    queued: await attempt("the queue", [], async () => {
      const requests = daemonLayout(stateDir);
      return Promise.all((await files.queued()).map((runId) => summarize(runId, requests.request(runId))));
    }),
    last,
    problems,
  };
}

async function readDaemon(stateDir: string, files: ReturnType<typeof createDaemonFiles>): Promise<HostStatus["daemon"]> {
  const owner = await lockOwner(join(stateDir, "daemon.lock"));
  if (owner === undefined) return null;
  const told = await files.readStatus();
  const { startedAt = null, connectedAt = null } = told.kind === "ok" ? told.value : {};
  return { pid: owner.pid, startedAt, welcomedAt: connectedAt };
}

/** The run that ended last, and those after it that have not ended. */
async function readRuns(runnerDir: string): Promise<Pick<HostStatus, "active" | "last">> {
  const spool = createSpoolReader(runnerDir);
  const { run } = runnerLayout(runnerDir);
  const active: RunSummary[] = [];
  for (const runId of (await spool.runs()).reverse()) {
    const summary = await summarize(runId, run(runId).request);
    const read = await spool.outcome(runId);
    if (read.kind === "ok") return { active, last: { ...summary, outcome: read.value.outcome, endedAt: read.value.endedAt } };
    active.push(summary);
  }
  return { active, last: null };
}

async function summarize(runId: RunId, path: string): Promise<RunSummary> {
  const request = await readStrangerJson(path, TakenRequest);
  if (request.kind !== "ok") return { runId, op: null, commit: null, askedBy: null };
  const { op, commit, args, askedBy } = request.value;
  const asked = commit ?? args["commit"];
  return { runId, op, commit: typeof asked === "string" ? asked : null, askedBy };
}

function policyOf({ allowedOps, allowRewind, signingRequired, confirmTimeout }: RunnerSettings): HostStatus["policy"] {
  return { allowedOps, allowRewind, signingRequired, confirmTimeout };
}

function pidOf(owner: { pid: number } | undefined): { pid: number } | null {
  return owner === undefined ? null : { pid: owner.pid };
}

function pick({ runId, until, back }: NonNullable<HostStatus["armed"]>): HostStatus["armed"] {
  return { runId, until, back };
}
