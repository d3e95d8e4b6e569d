import { rm } from "node:fs/promises";
import type { FactsReading, Outcome } from "@nixfleet/protocol";
import { bootId, messageOf } from "@nixfleet/runtime";
import { endProgram } from "../deadman/stop-activation.ts";
import { readCancel, removeCancel } from "../spool/daemon-entries.ts";
import { createEventWriter } from "../spool/event-writer.ts";
import { runnerLayout } from "../spool/layout.ts";
import { listRuns } from "../spool/run-directories.ts";
import { continueSpool, finishRun, writeOutcome } from "../spool/run-record.ts";
import { RequestRecord, RunOutcome, RunProcess, type RunRequest } from "../spool/shapes.ts";
import { type RepairedEvents, repairEvents } from "../spool/torn-events.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import { createRunContext, failure, type RunContext } from "./context.ts";
import type { RunnerDeps } from "./deps.ts";
import { createCloneOf, readHostFacts } from "./facts.ts";
import { afterReboot } from "./ops/reboot.ts";
import { recoverDeployment } from "./recover-deployment.ts";
import { type Redactor, redactAlso } from "./redactor.ts";
import { startedBy } from "./run-one.ts";
import { createStop, withStopReason } from "./stop.ts";

/**
 * Ends every run that a killed runner has left, by what can be proven. Returns the requests that were taken but not begun:
 * they are still to be done. The caller holds the runner's lock, so no other runner lives.
 */
export async function recoverRuns(deps: RunnerDeps, redact: Redactor): Promise<RunRequest[]> {
  const layout = runnerLayout(deps.config.runnerDir);
  const notBegun: RunRequest[] = [];
  for (const runId of await listRuns(deps.config.runnerDir)) {
    const run = layout.run(runId);
    if ((await readUntrustedJson(run.outcome, RunOutcome)).kind === "ok") continue;
    const request = await readUntrustedJson(run.request, RequestRecord);
    if (request.kind !== "ok") {
      // The runner died before it had recorded the request: it is still in the queue.
      deps.log(`${run.dir} holds no request: removed.`);
      await rm(run.dir, { recursive: true, force: true });
      continue;
    }
    if (await recoverRun(deps, request.value, redact)) continue;
    notBegun.push(request.value);
  }
  return notBegun;
}

/** True: the run is over now. False: it has not begun. */
async function recoverRun(deps: RunnerDeps, request: RunRequest, redactHost: Redactor): Promise<boolean> {
  const { clock, config } = deps;
  const run = runnerLayout(config.runnerDir).run(request.runId);
  const repaired = await repairEvents(run.events);
  const read = await readUntrustedJson(run.process, RunProcess);
  const process = read.kind === "ok" ? read.value : undefined;
  // Its events may be lost: what has begun to activate has begun.
  if (repaired.last === undefined && process?.activation == null) {
    await continueSpool(run, 0, clock);
    return false;
  }
  if (repaired.last?.kind === "finished") {
    // Killed between the last event and the outcome.
    await writeOutcome(run, { outcome: repaired.last.outcome, lastSeq: repaired.lastSeq, endedAt: repaired.last.at }, clock);
    return true;
  }
  await continueSpool(run, repaired.lastSeq, clock);
  const events = createEventWriter({ path: run.events, clock, lastSeq: repaired.lastSeq });
  events.append(await startedBy(run, config.agentVersion));
  const deadlineAt = process?.deadlineAt ?? clock.now() + request.deadline;
  const milliseconds = Math.max(0, deadlineAt - clock.now());
  const stop = createStop(clock, { readCancel: () => readCancel(config.stateDir, request.runId), milliseconds });
  try {
    const context = createRunContext({
      deps,
      request,
      events,
      signal: stop.signal,
      deadlineAt,
      redact: redactAlso(redactHost, request.confirmSecret),
      activation: process?.activation ?? null,
      child: process?.child ?? null,
    });
    const recovered = await recoverDeployment(context, process, repaired);
    const outcome = recovered ?? (await endUnchanged(deps, process, repaired));
    stop.end();
    const proof = await readProof(deps, context);
    await finishRun(run, events, { outcome: withStopReason(outcome, stop.signal, request.deadline), proof }, clock);
  } finally {
    stop.end();
    events.close();
  }
  await removeCancel(config.stateDir, request.runId);
  return true;
}

/** What is so by now. A run that cannot be told of with it is ended all the same: else each next runner ended by it. */
async function readProof(deps: RunnerDeps, { warn }: Pick<RunContext, "warn">): Promise<FactsReading | undefined> {
  const { runnerDir, branch, flakeDir, hostname } = deps.config;
  const clone = createCloneOf(deps);
  try {
    return await readHostFacts({ clone, platform: deps.platform, runnerDir, branch, flakeDir, hostname, now: deps.clock.now });
  } catch (error) {
    warn(`The facts of the host could not be read after the run: ${messageOf(error)}`);
    return undefined;
  }
}

/** A run that had not come to an activation. */
async function endUnchanged(deps: RunnerDeps, process: RunProcess | undefined, { phase }: RepairedEvents): Promise<Outcome> {
  if (process?.child != null) await endProgram(process.child);
  if (process !== undefined && phase === "reboot") return afterReboot(process.runner.bootId, bootId());
  const now = await deps.platform.runningClosure();
  const sentence = now === undefined ? "The running closure cannot be read." : `The host runs ${now}.`;
  return process === undefined || process.runner.bootId === bootId()
    ? failure("runner-killed", `The runner was killed before it had changed what the host runs. ${sentence}`)
    : failure("host-restarted", `The host went down before the run had changed what it runs. ${sentence}`);
}
