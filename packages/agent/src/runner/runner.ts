import { mkdir, rename } from "node:fs/promises";
import { lockOwner, type ProcessIdentity, takeLock } from "@nixfleet/runtime";
import { readArmed } from "../deadman/record.ts";
import { undo } from "../deadman/undo.ts";
import { openQueue, queuedRuns } from "../spool/daemon-entries.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { pruneSpools } from "../spool/prune.ts";
import { AcknowledgedSeqs, type RunRequest } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import type { RunnerDeps } from "./deps.ts";
import { probeRepository } from "./probe.ts";
import { recordAccess } from "./record-access.ts";
import { recoverRuns } from "./recover.ts";
import { createRedactor, readHostSecrets } from "./redactor.ts";
import { runOne } from "./run-one.ts";
import { takeNext } from "./take-request.ts";

const RUNS_PER_PRUNE = 50;

export type RunnerResult =
  | { kind: "done"; runs: number }
  /** Another runner is active and takes what is in the queue; or a person is, who comes first. */
  | { kind: "busy"; owner: ProcessIdentity };

/**
 * Does all that is in the queue, one run at a time, and returns when it is empty. First it ends what a killed runner has left;
 * if there is nothing to do at all, it checks whether the repository can be read.
 */
export async function runRunner(deps: RunnerDeps): Promise<RunnerResult> {
  const { config } = deps;
  const layout = runnerLayout(config.runnerDir);
  await mkdir(layout.runs, { recursive: true, mode: 0o750 });
  await recordAccess(deps);
  const redact = createRedactor(await readHostSecrets(deps));
  let runs = 0;
  const doRun = async (request: RunRequest) => {
    await runOne(deps, request, redact);
    await undoLeftover(deps);
    runs++;
    // A queue that is filled as fast as it is emptied must not keep the spools from being pruned.
    if (runs % RUNS_PER_PRUNE === 0) await prune(deps);
  };
  let isFirst = true;
  // A request that came while the lock was given back found it taken: so the queue is looked at once more afterwards. What is
  // still there after that cannot be taken by anybody.
  for (let before = -1; isFirst || (runs > before && (await queuedRuns(config.stateDir)).length > 0); ) {
    before = isFirst ? -1 : runs;
    const person = await lockOwner(layout.byHandLock);
    if (person !== undefined) return { kind: "busy", owner: person };
    const taken = await takeLock(layout.lock);
    if (!taken.ok) return { kind: "busy", owner: taken.owner };
    await using _lock = taken.lock;
    await takeWake(config.stateDir);
    const left = await recoverRuns(deps, redact);
    await undoLeftover(deps);
    // What a person asks for on the host itself comes next, however much is queued.
    const isStillArmed = async () => (await lockOwner(layout.byHandLock)) === undefined;
    for (const request of left) if (await isStillArmed()) await doRun(request);
    const next = async () => ((await isStillArmed()) ? takeNext(deps) : undefined);
    for (let request = await next(); request !== undefined; request = await next()) await doRun(request);
    await prune(deps);
    if (isFirst && runs === 0) await probeRepository(deps, redact);
    isFirst = false;
  }
  return { kind: "done", runs };
}

/** Takes the daemon's word that a runner is wanted: this one is there. */
async function takeWake(stateDir: string): Promise<void> {
  const { queue } = await openQueue(stateDir);
  if (queue === undefined) return;
  await using _queue = queue;
  await queue.takeWake();
}

/** What is armed though its run is over (it was stopped, or its runner was killed at its end) is undone before the next run. */
export async function undoLeftover({ config, exec, clock, log }: RunnerDeps): Promise<void> {
  const layout = runnerLayout(config.runnerDir);
  const armed = await readArmed(layout);
  if (armed.kind === "missing") return;
  if (armed.kind === "refused") {
    // Nobody can undo by it, and while it is there nothing can be armed.
    log(`The armed record cannot be read and was moved aside: ${armed.reason}`);
    await rename(layout.deadman, `${layout.deadman}.unreadable`);
    return;
  }
  await undo({ runnerDir: config.runnerDir, exec, clock, log }, { why: "runner" });
}

export async function prune({ config, clock, log }: RunnerDeps): Promise<void> {
  const read = await readUntrustedJson(daemonLayout(config.stateDir).acknowledged, AcknowledgedSeqs);
  if (read.kind === "refused") log(`The acknowledgements cannot be read, so no run counts as stored: ${read.reason}`);
  await pruneSpools(config.runnerDir, read.kind === "ok" ? read.value.runs : {}, clock.now());
}
