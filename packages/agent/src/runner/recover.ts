import { rm } from "node:fs/promises";
import { type LogLine, type Outcome, shorten } from "@nixfleet/protocol";
import { createProcessTree, identifyProcess, isAlive, type ProcessIdentity, readProcessTable } from "@nixfleet/runtime";
import { createEventWriter, type EventWriter } from "../spool/event-writer.ts";
import { type RunLayout, type RunnerLayout, runnerLayout } from "../spool/layout.ts";
import { createLedger } from "../spool/ledger.ts";
import { listRuns } from "../spool/run-directories.ts";
import { finishRun, wait, writeOutcome } from "../spool/run-record.ts";
import { RunOutcome, RunProcess, RunRequest } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";
import { type MendedEvents, mendEvents } from "../spool/torn-events.ts";
import { isActivated, readActivationStatus, recordDeployment, stopService, tailFile } from "./activate.ts";
import { failure } from "./context.ts";
import type { RunnerDeps } from "./deps.ts";
import { createCloneOf, readHostFacts } from "./facts.ts";
import { createPlainOutput, type Output } from "./output.ts";
import type { Redactor } from "./redactor.ts";

const GRACE_MS = 2000;
const POLL_MS = 200;

/**
 * Ends every run that a killed runner has left, by what can be proven. Returns the requests that were taken but not begun:
 * they are still to be done. The caller holds the runner's lock, so no other runner lives.
 */
export async function recoverRuns(deps: RunnerDeps, redact: Redactor): Promise<RunRequest[]> {
  const layout = runnerLayout(deps.config.runnerDir);
  const notBegun: RunRequest[] = [];
  for (const runId of await listRuns(deps.config.runnerDir)) {
    const run = layout.run(runId);
    if ((await readStrangerJson(run.outcome, RunOutcome)).kind === "ok") continue;
    const request = await readStrangerJson(run.request, RunRequest);
    if (request.kind !== "ok") {
      // The runner died before it had written the request down: it is still in the queue.
      deps.log(`${run.dir} holds no request: removed.`);
      await rm(run.dir, { recursive: true, force: true });
      continue;
    }
    if (await recoverRun(deps, layout, run, request.value, redact)) continue;
    notBegun.push(request.value);
  }
  return notBegun;
}

/** True: the run is over now. False: it has not begun. */
async function recoverRun(
  deps: RunnerDeps,
  layout: RunnerLayout,
  run: RunLayout,
  request: RunRequest,
  redact: Redactor,
): Promise<boolean> {
  const { clock } = deps;
  const mended = await mendEvents(run.events);
  if (mended.last === undefined) return false;
  if (mended.last.kind === "finished") {
    // Killed between the last event and the outcome.
    await writeOutcome(run, { outcome: mended.last.outcome, lastSeq: mended.lastSeq, endedAt: mended.last.at }, clock);
    return true;
  }
  const events = createEventWriter({ path: run.events, clock, lastSeq: mended.lastSeq });
  try {
    const outcome = await endRun({ deps, layout, run, request, redact, events, mended });
    const { runnerDir, branch, hostname } = deps.config;
    const clone = createCloneOf(deps);
    const proof = await readHostFacts({ clone, platform: deps.platform, runnerDir, branch, hostname, now: clock.now });
    await finishRun(run, events, { outcome, proof }, clock);
  } finally {
    events.close();
  }
  return true;
}

interface Killed {
  deps: RunnerDeps;
  layout: RunnerLayout;
  run: RunLayout;
  request: RunRequest;
  redact: Redactor;
  events: EventWriter;
  mended: MendedEvents;
}

async function endRun(killed: Killed): Promise<Outcome> {
  const { deps, run } = killed;
  const read = await readStrangerJson(run.process, RunProcess);
  const state = read.kind === "ok" ? read.value : undefined;
  if (state?.activation == null) {
    if (state?.child != null) await endLeftovers(state.child);
    const now = await deps.platform.runningClosure();
    return failure("runner-killed", `The runner was killed before it had changed what the host runs. ${describeRunning(now)}`);
  }
  return endActivation(killed, state, state.activation);
}

/** An activation is not ended because its runner was: it goes on, and what it brought about is told. */
async function endActivation(
  { deps, layout, run, request, redact, events, mended }: Killed,
  state: RunProcess,
  activation: NonNullable<RunProcess["activation"]>,
): Promise<Outcome> {
  const { clock } = deps;
  const tail = tailFile(run.activationOutput, createRestOfOutput({ deps, events, redact }, mended), clock);
  while (clock.now() < state.deadlineAt && (await isActivating(deps, state))) await wait(clock, POLL_MS);
  const wasStopped = await isActivating(deps, state);
  if (wasStopped) {
    await stopService({ deps }, activation.unit);
    if (state.child !== null) await endLeftovers(state.child);
  }
  await tail.end();

  const { closure, commit, mode } = activation;
  const isActive = await isActivated({ deps }, closure, mode);
  if (isActive && !mended.hasDeployed) {
    const ledger = createLedger(layout.deployments);
    await recordDeployment({ deps, events, ledger, request }, { closure, commit, mode });
  }
  const exitCode = await readActivationStatus(run.activationStatus);
  const ended = wasStopped
    ? "The activation went on past the run's deadline and was stopped."
    : exitCode === undefined
      ? "How the activation ended is not known."
      : `The activation itself ended with exit code ${exitCode}.`;
  const goal =
    mode === "boot"
      ? isActive
        ? "The profile points to what this run was deploying."
        : `The profile does not point to ${closure}, which this run was deploying.`
      : isActive
        ? "That is what this run was deploying."
        : `This run was deploying ${closure}.`;
  const now = await deps.platform.runningClosure();
  const reason = `The runner was killed after the activation had begun. ${ended} ${describeRunning(now)} ${goal}`;
  return failure("runner-killed", shorten(reason, 2000), { exitCode });
}

function describeRunning(closure: string | undefined): string {
  return closure === undefined ? "What the host runs now cannot be read." : `The host runs ${closure}.`;
}

async function isActivating(deps: RunnerDeps, { activation, child }: RunProcess): Promise<boolean> {
  if (child !== null && isAlive(child)) return true;
  if (activation?.unit == null) return false;
  const argv: [string, ...string[]] = ["systemctl", "is-active", "--quiet", activation.unit];
  const { end } = await deps.exec({ argv, env: { PATH: deps.env["PATH"] ?? "" } }).result;
  return end.kind === "exited" && end.exitCode === 0;
}

/** Ends what is left of a program that a killed runner had started: its group and session, if the boot is still the same. */
async function endLeftovers(child: ProcessIdentity): Promise<void> {
  const self = identifyProcess();
  if (self === undefined || child.bootId !== self.bootId) return;
  const now = readProcessTable().find(({ pid }) => pid === child.pid);
  // Another process has that number by now: what has it as its group was not started by this run.
  if (now !== undefined && now.startTime !== child.startTime) return;
  await createProcessTree(child.pid).end(GRACE_MS);
}

/** The killed runner had told some of the lines already: what follows them is told now. */
function createRestOfOutput(
  { deps, events, redact }: Pick<Killed, "deps" | "events" | "redact">,
  { activationLines }: MendedEvents,
): Output {
  let seen = 0;
  const log = (line: LogLine) => {
    if (++seen > activationLines) events.log(line);
  };
  return createPlainOutput({ log, progress: events.progress, now: deps.clock.now, redact }, "activation");
}
