import { type LogLine, type Outcome, shorten } from "@nixfleet/protocol";
import { bootId, isAlive } from "@nixfleet/runtime";
import { isUnitActive, stopUnit } from "../deadman/activation-unit.ts";
import { disarm } from "../deadman/arm.ts";
import { continueAfterKill, windowLeft } from "../deadman/decide.ts";
import { momentNow } from "../deadman/moment.ts";
import { readArmed, readUndoRecord } from "../deadman/record.ts";
import { endProgram } from "../deadman/stop-activation.ts";
import type { UnitReport } from "../platforms/failed-units.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { exists } from "../spool/exists.ts";
import { wait } from "../spool/run-record.ts";
import type { ActivationRecord, RunProcess, UndoRecord } from "../spool/shapes.ts";
import type { RepairedEvents } from "../spool/torn-events.ts";
import { activationResult } from "./activate.ts";
import { finishArmed, rollBackRun, undoStopped } from "./armed-deployment.ts";
import { failure, type RunContext } from "./context.ts";
import { isActivated, recordDeployment } from "./deployment.ts";
import { createErrorFinder } from "./first-error.ts";
import { createPlainOutput } from "./output.ts";
import { tailFile } from "./tail-file.ts";
import { deadmanHost, readExitCode } from "./tracked-program.ts";
import { createUnitReports } from "./unit-reports.ts";

const POLL_MS = 200;

/** How the activation of a killed runner finished. */
interface ActivationEnd {
  exitCode: number | undefined;
  firstError: string | undefined;
  /** What it said about units. */
  reported: UnitReport;
  /** It was running when the run was cancelled or its time was over. */
  wasStopped: boolean;
}

/**
 * Continues the deployment of a killed runner's run, by what its files and the host itself say. Undefined: the run had not
 * begun to change what the host runs.
 */
export async function recoverDeployment(
  context: RunContext,
  process: RunProcess | undefined,
  repaired: RepairedEvents,
): Promise<Outcome | undefined> {
  const { request, layout, run } = context;
  const activation = process?.activation ?? null;
  // An activation is not ended because its runner was: it continues, and what it brings about is reported.
  const activationEnd = process == null || activation === null ? undefined : await follow(context, process, activation, repaired);
  const record = await readArmed(layout);
  const armed = record.kind === "ok" && record.value.runId === request.runId ? record.value : undefined;
  if (armed !== undefined && activationEnd?.wasStopped) return undoStopped(context, armed, "during the activation");
  const undone = await readUndoRecord(run);
  const back = armed?.back ?? undone?.back ?? repaired.armedBack;
  const next = continueAfterKill({
    wasArmed: repaired.armedBack !== undefined,
    isArmed: armed !== undefined,
    undo: stateOf(undone),
    sameBoot: isThisBoot(armed, process),
    activation: activationEnd === undefined ? "not-begun" : activationState(activationEnd),
    isActive: activation !== null && (await isActivated(context, activation)),
  });
  if (next === "confirmed" && record.kind === "refused") return unreadableOutcome(context, record.reason);
  switch (next) {
    case "unchanged":
      return undefined;
    case "disarm":
      if (armed === undefined || (await disarm(disarmDeps(context), armed))) return undefined;
      return rollBackRun(context, armed, null);
    case "confirm":
    case "undo":
      return armed === undefined
        ? undefined
        : resumeDeployment(context, armed, activation, activationEnd, isThisBoot(armed, process));
    case "undone":
      return rollBackRun(context, { back: back ?? "what ran before" }, null);
    case "confirmed":
      if (activation !== null && !repaired.hasDeployed) await recordDeployment(context, activation);
      return { state: "succeeded" };
    case "unarmed":
      return activation === null || activationEnd === undefined
        ? undefined
        : unarmedOutcome(context, activation, activationEnd, { repaired, sameBoot: isThisBoot(armed, process) });
  }
}

/** What is still armed: it is confirmed if all is well so far, and else undone. */
async function resumeDeployment(
  context: RunContext,
  armed: ArmedDeadman,
  activation: ActivationRecord | null,
  activationEnd: ActivationEnd | undefined,
  sameBoot: boolean,
): Promise<Outcome> {
  if (!sameBoot) return rollBackRun(context, armed, null, {}, "boot");
  if (activation === null || activationEnd === undefined || (await readUndoRecord(context.run)) !== undefined) {
    return rollBackRun(context, armed, null);
  }
  const { exitCode, firstError, reported } = activationEnd;
  if (exitCode === undefined) {
    const reason = "The runner was killed, and the activation did not finish.";
    return rollBackRun(context, armed, { code: "runner-killed", reason });
  }
  const activated = await activationResult(context, activation, {
    end: { kind: "exited", exitCode },
    firstError,
    reported,
    failedBefore: armed.failedUnits,
  });
  return finishArmed(context, armed, {
    plan: activation,
    activated,
    window: windowLeft(armed, momentNow(context.deps.clock, context.deps.monotonicNow)),
  });
}

/** What is armed can be this run's, and nobody can undo by it: that nobody has is no confirmation. */
async function unreadableOutcome({ deps }: RunContext, why: string): Promise<Outcome> {
  const running = (await deps.platform.runningClosure()) ?? "no closure that can be read";
  const reason = `It was not confirmed, and the armed record cannot be read, so nothing was undone: the host runs ${running}. ${why}`;
  return failure("undo-failed", reason);
}

/** There was no dead-man switch: what runs now is reported, and nothing else is done. */
async function unarmedOutcome(
  context: RunContext,
  activation: ActivationRecord,
  { wasStopped, exitCode }: ActivationEnd,
  { repaired, sameBoot }: { repaired: RepairedEvents; sameBoot: boolean },
): Promise<Outcome> {
  const { mode } = activation;
  const closure = mode === "boot" ? activation.closure : activatedClosure(activation);
  const isActive = await isActivated(context, activation);
  // Its output is there from its first moment. What ran before it began was no work of this run, though it be the same closure.
  const hasBegun = await exists(context.run.activationOutput);
  if (isActive && hasBegun && !repaired.hasDeployed) await recordDeployment(context, activation);
  const ended = wasStopped
    ? "The activation continued past the run's deadline and was stopped."
    : exitCode === undefined
      ? "The result of the activation is not known."
      : `The activation itself ended with exit code ${exitCode}.`;
  const running = (await context.deps.platform.runningClosure()) ?? "no closure that can be read";
  const goal = isActive ? "That is what this run was deploying." : `This run was deploying ${closure}.`;
  const booted = isActive
    ? "The profile points to what this run was deploying."
    : `The profile does not point to ${closure}, which this run was deploying.`;
  const what = sameBoot ? "The runner was killed" : "The host went down";
  const reason = `${what} after the activation had begun. ${ended} The host runs ${running}. ${mode === "boot" ? booted : goal}`;
  return failure(sameBoot ? "runner-killed" : "host-restarted", shorten(reason, 2000), { exitCode });
}

/** Reports what the activation printed and prints, until it is no longer running; a stop of the run ends it. */
async function follow(
  context: RunContext,
  process: RunProcess,
  activation: ActivationRecord,
  repaired: RepairedEvents,
): Promise<ActivationEnd> {
  const { deps, run, signal } = context;
  const errors = createErrorFinder();
  const reports = createUnitReports();
  const readLine = (text: string) => {
    errors.read(text);
    reports.readLine(text);
  };
  let seen = 0;
  // The killed runner had told some of the lines already: what follows them is reported now.
  const log = (line: LogLine) => {
    if (++seen > repaired.activationLines) context.events.log(line);
  };
  const tail = tailFile(run.activationOutput, createPlainOutput({ ...context.output, log }, "activation", readLine), deps.clock);
  const isAtWork = async () =>
    (process.child !== null && isAlive(process.child)) || (await isUnitActive(deps.exec, activation.unit, deadmanHost(context)));
  while (!signal.aborted && (await isAtWork())) await wait(deps.clock, POLL_MS);
  const wasStopped = await isAtWork();
  if (wasStopped) {
    if (process.child !== null) await endProgram(process.child);
    await stopUnit(deps.exec, activation.unit, deadmanHost(context));
  }
  await tail.end();
  const exitCode = await readExitCode(run.activationStatus);
  return { exitCode, firstError: errors.first(), reported: reports.report(), wasStopped };
}

function activationState({ exitCode }: ActivationEnd): "succeeded" | "failed" | "unknown" {
  if (exitCode === undefined) return "unknown";
  return exitCode === 0 ? "succeeded" : "failed";
}

function stateOf(undone: UndoRecord | undefined): "none" | "begun" | "ended" {
  if (undone === undefined) return "none";
  return undone.endedAt === null ? "begun" : "ended";
}

/** Where neither file is there, nothing speaks for another boot. */
function isThisBoot(armed: ArmedDeadman | undefined, process: RunProcess | undefined): boolean {
  return (armed?.armedIn ?? process?.runner.bootId ?? bootId()) === bootId();
}

function disarmDeps({ deps }: RunContext) {
  return { runnerDir: deps.config.runnerDir, exec: deps.exec, clock: deps.clock };
}
