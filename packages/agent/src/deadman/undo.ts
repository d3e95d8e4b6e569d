import { open } from "node:fs/promises";
import { shorten } from "@nixfleet/protocol";
import { bootId, type Clock, type Disk, type Exec, identifyProcess, isAlive, isDiskFull, messageOf } from "@nixfleet/runtime";
import { removeBootLeftovers } from "../platforms/boot-leftovers.ts";
import type { Platform } from "../platforms/platform.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { type RunLayout, runnerLayout } from "../spool/layout.ts";
import { wait } from "../spool/run-record.ts";
import type { UndoRecord } from "../spool/shapes.ts";
import { stopUnit } from "./activation-unit.ts";
import { findDifferences, restored } from "./compare.ts";
import { type EndedStep, failedUnseen, type UndoCause, undoSteps } from "./decide.ts";
import { withDeadmanLock } from "./lock.ts";
import { readArmed, readUndoRecord, removeArmed, writeUndoRecord } from "./record.ts";
import { recordedPlatform } from "./recorded-host.ts";
import { restartDaemon } from "./restart-daemon.ts";
import { endProgram, stopActivation } from "./stop-activation.ts";
import { stopTimer } from "./timer.ts";

/** Longest time for one program of an undo. One that hangs must not keep the next ones from their work. Milliseconds. */
const STEP_LIMIT = 5 * 60_000;
/** How long a program of an undo that was killed in the middle may continue before it is ended and started again. Milliseconds. */
const LEFTOVER_LIMIT = 30_000;
const POLL_MS = 100;

/**
 * The output goes to a file, so that a program does not end with whoever reads it, and nowhere where a full disk has no room
 * for that: switch-to-configuration ends half way when it cannot print (Rust's `println!`). Whether there is room is tried with a file
 * beside it, which is empty afterwards. The text is fixed; paths come as arguments.
 */
const TO_FILE =
  'if ( : >>"$1" && printf "%65536s" "" >"$1.room" ) 2>/dev/null; then exec >>"$1" 2>&1; else exec >/dev/null 2>&1; fi; ( : >"$1.room" ) 2>/dev/null; shift; exec "$@"';

export interface UndoDeps {
  runnerDir: string;
  exec: Exec;
  clock: Clock;
  disk?: Disk | undefined;
  log(message: string): void;
}

export interface UndoRequest {
  why: UndoRecord["why"];
  /** What the run found wrong, if it is the run that asks. */
  cause?: UndoCause;
  /** Whether it is this one that is to be undone, and now. Default: whatever is armed. */
  applies?: (armed: ArmedDeadman) => boolean;
}

export type UndoResult =
  /** Nothing is armed, or not what was meant: whoever came first has disarmed or undone it. */
  { kind: "nothing" } | { kind: "undone"; armed: ArmedDeadman; undone: UndoRecord };

/**
 * Brings back what ran before the armed activation, by the programs in the record and by nothing else, and looks whether it is back.
 * If it is killed, however often, the record is still there, and whoever comes next does all of it again.
 */
export function undo(deps: UndoDeps, { why, cause, applies = () => true }: UndoRequest): Promise<UndoResult> {
  const layout = runnerLayout(deps.runnerDir);
  return withDeadmanLock(layout, deps.clock, async () => {
    const read = await readArmed(layout);
    if (read.kind === "refused") deps.log(`The armed record cannot be read, so nothing can be undone by it: ${read.reason}`);
    if (read.kind !== "ok" || !applies(read.value)) return { kind: "nothing" };
    const armed = read.value;
    const undone = await activatePrevious(deps, armed, layout.run(armed.runId), { why, cause: cause ?? null });
    await removeArmed(layout, armed.runId, deps.disk);
    await stopTimer(deps.exec, armed.timer, armed.host);
    return { kind: "undone", armed, undone };
  });
}

async function activatePrevious(
  deps: UndoDeps,
  armed: ArmedDeadman,
  run: RunLayout,
  request: Pick<UndoRecord, "why" | "cause">,
): Promise<UndoRecord> {
  const { exec, clock, log } = deps;
  const earlier = await readUndoRecord(run);
  // One that was killed in the middle is done again, for the reason that it had.
  const { why, cause } = earlier?.endedAt === null ? earlier : request;
  let undone: UndoRecord = {
    why,
    cause,
    back: armed.back,
    startedAt: clock.now(),
    endedAt: null,
    child: null,
    exitCodes: [],
    running: null,
    left: null,
  };
  const note = async (change: Partial<UndoRecord>) => {
    undone = { ...undone, ...change };
    const fault = await writeUndoRecord(run, undone, deps.disk);
    if (fault !== undefined) log(`The progress of the undo could not be recorded: ${fault}`);
  };
  log(`Run ${armed.runId}: undoing, activating ${armed.back}.`);
  await note({});
  if (earlier !== undefined) await endLeftovers(deps, armed, earlier);
  await stopActivation(deps, run, armed);
  const platform = recordedPlatform(armed.host, exec);
  const running = await runningClosure(platform);
  const steps = undoSteps(armed, { bootId: bootId(), running, bootActivates: platform.bootActivates });
  const exitCodes: (number | null)[] = [];
  for (const step of steps) {
    const attempt = async () => {
      if (step.kind === "boot-entry") await removeBootLeftovers(platform, log);
      return runStep(deps, run, step, (child) => note({ child, exitCodes }));
    };
    let exitCode = await attempt();
    if (exitCode !== 0) {
      await stopUnit(exec, step.unit, armed.host);
      exitCode = await attempt();
    }
    exitCodes.push(exitCode);
  }
  const ended = steps.map(({ kind }, index) => ({ kind, exitCode: exitCodes[index] ?? null }));
  const faults = await look(deps, platform, armed, { why, ended });
  const left = faults.length === 0 ? null : shorten(faults.join(" "), 2000);
  if (left !== null) log(left);
  const now = (await runningClosure(platform)) ?? null;
  await note({ endedAt: clock.now(), child: null, exitCodes, running: now, left });
  return undone;
}

/** What is not as it was before, once the programs of an undo have ended. */
async function look(
  { exec, clock }: UndoDeps,
  platform: Platform,
  armed: ArmedDeadman,
  { why, ended }: { why: UndoRecord["why"]; ended: readonly EndedStep[] },
): Promise<string[]> {
  try {
    const reactivated = ended.some(({ kind }) => kind === "activation");
    if (await hasOtherDaemon(platform, armed, { why, reactivated })) await restartDaemon(exec, armed.host);
    const unseen = failedUnseen(ended, {
      unitsFailedExitCode: platform.unitsFailedExitCode,
      isBootDefaultSeen: (await platform.bootDefault()) !== undefined,
    });
    return [...(await findDifferences(platform, restored(armed, bootId()), clock)), ...unseen];
  } catch (error) {
    // A disk that cannot be read, most of all after a power cut: an undo that ends by it would be begun again for ever.
    return [`Whether all is back cannot be seen: ${messageOf(error)}.`];
  }
}

/** What runs, where that can be read. */
function runningClosure(platform: Pick<Platform, "runningClosure">): Promise<string | undefined> {
  return platform.runningClosure().catch(() => undefined);
}

/** Runs a program of the undo. Returns its exit code; null: it did not end by itself. */
async function runStep(
  { exec, clock }: UndoDeps,
  run: Pick<RunLayout, "undoOutput">,
  { launcher, argv, env }: ArmedDeadman["undo"][number],
  note: (child: UndoRecord["child"]) => Promise<void>,
): Promise<number | null> {
  const limit = new AbortController();
  const timer = clock.setTimeout(() => limit.abort(), STEP_LIMIT);
  const running = exec({
    argv: [...launcher, "/bin/sh", "-c", TO_FILE, "nixfleet-undo", run.undoOutput, ...argv] as [string, ...string[]],
    env,
    cwd: "/",
    signal: limit.signal,
    captureBytes: 0,
  });
  const child = running.pid === undefined ? undefined : identifyProcess(running.pid);
  await note(child ?? null);
  const { end } = await running.result;
  timer.cancel();
  return end.kind === "exited" ? end.exitCode : null;
}

/** What an undo that was killed in the middle has left running: two activations at once would be worse than one started again. */
async function endLeftovers(
  { exec, clock }: UndoDeps,
  { undo: steps, host }: ArmedDeadman,
  { child }: UndoRecord,
): Promise<void> {
  for (let waited = 0; waited < LEFTOVER_LIMIT && child !== null && isAlive(child); waited += POLL_MS) await wait(clock, POLL_MS);
  if (child !== null) await endProgram(child);
  for (const { unit } of steps) await stopUnit(exec, unit, host);
}

/**
 * Whether the daemon is the one of the activation that was undone: it was told to make way, or the machine has booted into that
 * closure. A switch leaves the agent's units alone, and one that cannot connect, or does not run at all, would stay so.
 */
async function hasOtherDaemon(
  platform: Platform,
  { restarted, back, activation }: ArmedDeadman,
  { why, reactivated }: { why: UndoRecord["why"]; reactivated: boolean },
): Promise<boolean> {
  if (!reactivated || (restarted !== true && why !== "boot") || (await platform.runningClosure()) !== back) return false;
  const before = await platform.installedAgent(back);
  return before !== undefined && before !== (await platform.installedAgent(activatedClosure(activation)));
}

/** The output of an undo, as far as it is of a size that a person reads: the last 256 KiB. */
export async function readUndoOutput(run: Pick<RunLayout, "undoOutput">): Promise<string> {
  const most = 256 * 1024;
  try {
    const file = await open(run.undoOutput, "r");
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, most));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, Math.max(0, size - most));
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || isDiskFull(error)) return "";
    throw error;
  }
}
