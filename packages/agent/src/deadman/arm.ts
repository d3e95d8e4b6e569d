import { type Clock, type Disk, type Exec, isDiskFull } from "@nixfleet/runtime";
import { type RunnerLayout, runnerLayout } from "../spool/layout.ts";
import type { ArmedDeadman } from "../spool/shapes.ts";
import { underDeadmanLock } from "./lock.ts";
import { type AgentProgram, writeDeadmanProgram } from "./program.ts";
import { readArmed, readArmedOf, readUndone, removeArmed, writeArmed } from "./record.ts";
import { restartDaemon } from "./restart-daemon.ts";
import { createDeadmanTimer, stopTimer } from "./timer.ts";

export interface ArmDeps {
  runnerDir: string;
  /** Starts this agent, which is known to work: it runs. */
  program: AgentProgram;
  exec: Exec;
  clock: Clock;
  disk?: Disk | undefined;
  /** Absent: the timer of this host. */
  createTimer?: typeof createDeadmanTimer;
}

export type ArmResult = { ok: true; armed: ArmedDeadman } | { ok: false; code: "disk-full" | "internal"; reason: string };

/**
 * Arms the dead-man switch for so many seconds. The record comes first and then the timer, so that a boot finds it; if either
 * cannot be, nothing is armed and nothing may be activated.
 */
export async function arm(
  deps: ArmDeps,
  what: Omit<ArmedDeadman, "armedAt" | "until" | "timer" | "restarted">,
  seconds: number,
): Promise<ArmResult> {
  const layout = runnerLayout(deps.runnerDir);
  const timer = (deps.createTimer ?? createDeadmanTimer)({
    program: layout.deadmanProgram,
    runnerDir: deps.runnerDir,
    host: what.host,
    exec: deps.exec,
  });
  const armedAt = deps.clock.now();
  const armed: ArmedDeadman = { ...what, armedAt, until: armedAt + seconds * 1000, timer: timer.unitOf(what.runId) };
  try {
    return await underDeadmanLock(layout, deps.clock, async () => {
      const there = await readArmed(layout);
      if (there.kind !== "missing")
        return { ok: false, code: "internal", reason: `Something is armed already: ${layout.deadman}.` };
      await writeDeadmanProgram(layout.deadmanProgram, deps.program, deps.disk);
      await writeArmed(layout, armed, deps.disk);
      const fault = await timer.start({ runId: what.runId, seconds });
      if (fault === undefined) return { ok: true, armed };
      await removeArmed(layout, deps.disk);
      return { ok: false, code: "internal", reason: `The dead-man switch could not be started: ${fault}` };
    });
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return {
      ok: false,
      code: "disk-full",
      reason: "The disk has no room for what an undo would need, so nothing was activated.",
    };
  }
}

/** Disarms what was confirmed. False: it is undone already, or being undone. */
export function disarm(
  deps: Pick<ArmDeps, "runnerDir" | "exec" | "clock" | "disk">,
  { runId, timer, host }: ArmedDeadman,
): Promise<boolean> {
  const layout = runnerLayout(deps.runnerDir);
  return underDeadmanLock(layout, deps.clock, async () => {
    if (!(await mayGoOn(layout, runId))) return false;
    await removeArmed(layout, deps.disk);
    await stopTimer(deps.exec, timer, host);
    return true;
  });
}

/** Whether a run is still armed and nobody has begun to undo it. Under the lock, so that it stays so while `work` begins. */
async function mayGoOn(layout: RunnerLayout, runId: ArmedDeadman["runId"]): Promise<boolean> {
  if ((await readArmedOf(layout, runId)) === undefined) return false;
  // Begun and killed in the middle: what runs now is neither the one nor the other.
  return (await readUndone(layout.run(runId))) === undefined;
}

/**
 * Lets the daemon make way for the agent that was activated, unless an undo has begun. That is written down before: whoever undoes
 * brings back the daemon too. False: it was not told to.
 */
export function restartWhileArmed(
  { runnerDir, exec, clock, disk }: Pick<ArmDeps, "runnerDir" | "exec" | "clock" | "disk">,
  { runId, host }: Pick<ArmedDeadman, "runId" | "host">,
): Promise<boolean> {
  const layout = runnerLayout(runnerDir);
  return underDeadmanLock(layout, clock, async () => {
    const armed = await readArmedOf(layout, runId);
    if (armed === undefined || !(await mayGoOn(layout, runId))) return false;
    await writeArmed(layout, { ...armed, restarted: true }, disk);
    return await restartDaemon(exec, host);
  });
}

/** Begins something that an undo would have to undo or to end, unless one has begun. Undefined: it was not begun. */
export function beginWhileArmed<T>(
  { runnerDir, clock }: Pick<ArmDeps, "runnerDir" | "clock">,
  runId: ArmedDeadman["runId"],
  begin: () => T,
): Promise<T | undefined> {
  const layout = runnerLayout(runnerDir);
  return underDeadmanLock(layout, clock, async () => ((await mayGoOn(layout, runId)) ? begin() : undefined));
}
