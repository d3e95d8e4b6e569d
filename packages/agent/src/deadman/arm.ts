import { type Clock, type Disk, type Exec, isDiskFull } from "@nixfleet/runtime";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { type RunnerLayout, runnerLayout } from "../spool/layout.ts";
import { withDeadmanLock } from "./lock.ts";
import { momentNow, monotonicNow } from "./moment.ts";
import { type AgentProgram, writeDeadmanProgram } from "./program.ts";
import { readArmed, readArmedOf, readUndoRecord, removeArmed, replaceArmed, writeArmed } from "./record.ts";
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

/** What is to be armed: all but what arming itself decides. */
export type ToBeArmed = Omit<
  ArmedDeadman,
  "format" | "armedAt" | "until" | "timer" | "restarted" | "window" | "windows" | "timers" | "dueAt" | "stage"
>;

/**
 * Arms the dead-man switch for so many seconds. The record comes first and then the timer, so that a boot finds it; if either
 * cannot be, or is not read back, or the timer is not seen active, nothing is armed and nothing may be activated.
 */
export async function arm(deps: ArmDeps, what: ToBeArmed, seconds: number): Promise<ArmResult> {
  const layout = runnerLayout(deps.runnerDir);
  const timer = timerOf(deps, what);
  const first = { runId: what.runId, seconds, number: 1 };
  const armedAt = deps.clock.now();
  const window = seconds * 1000;
  const armed: ArmedDeadman = {
    ...what,
    format: 2,
    armedAt,
    until: armedAt + window,
    window,
    windows: 1,
    timers: 1,
    dueAt: monotonicNow() + window,
    stage: "activation",
    timer: timer.unitOf(first),
  };
  try {
    return await withDeadmanLock(layout, deps.clock, async () => {
      const there = await readArmed(layout);
      if (there.kind !== "missing")
        return { ok: false, code: "internal", reason: `The dead-man switch is already armed: ${layout.deadman}.` };
      await writeDeadmanProgram(layout.deadmanProgram, deps.program, deps.disk);
      await writeArmed(layout, armed, deps.disk);
      // What an undo could not read would be as good as not armed.
      const readBack = await readArmed(layout);
      if (readBack.kind !== "ok") {
        await removeArmed(layout, what.runId, deps.disk);
        const why = readBack.kind === "refused" ? readBack.reason : "it is not there";
        return {
          ok: false,
          code: "internal",
          reason: `What an undo needs cannot be read back, so nothing was activated: ${why}`,
        };
      }
      const fault = await timer.start(first);
      if (fault === undefined) return { ok: true, armed };
      await removeArmed(layout, what.runId, deps.disk);
      return { ok: false, code: "internal", reason: `The dead-man switch could not be started: ${fault}` };
    });
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return {
      ok: false,
      code: "disk-full",
      reason: "The disk has no room for what an undo needs, so nothing was activated.",
    };
  }
}

function timerOf(deps: Pick<ArmDeps, "runnerDir" | "exec" | "createTimer">, { host }: Pick<ArmedDeadman, "host">) {
  const { deadmanProgram } = runnerLayout(deps.runnerDir);
  return (deps.createTimer ?? createDeadmanTimer)({
    program: deadmanProgram,
    runnerDir: deps.runnerDir,
    host,
    exec: deps.exec,
  });
}

/** Why an armed record was not changed. */
export type NotChanged = { kind: "not-armed" } | { kind: "fault"; reason: string };

/**
 * Gives an armed deployment more time, unless an undo has begun: `until` so many milliseconds from now, in the stage that is named.
 * The new timer is seen active before the record says so, and the old one stops last: whatever is killed in between, one of them
 * undoes in time. Without more time than it has only the stage is written.
 */
export function extendArmed(
  deps: Omit<ArmDeps, "program">,
  runId: ArmedDeadman["runId"],
  more: { milliseconds: number; windows?: number; stage?: ArmedDeadman["stage"] },
): Promise<ArmedDeadman | NotChanged> {
  const layout = runnerLayout(deps.runnerDir);
  return withDeadmanLock(layout, deps.clock, async () => {
    const armed = await stillArmed(layout, runId);
    if (armed === undefined) return { kind: "not-armed" };
    const { windows = armed.windows, stage = armed.stage } = more;
    const at = momentNow(deps.clock);
    const dueAt = at.monotonic + more.milliseconds;
    if (armed.dueAt !== null && armed.dueAt >= dueAt) {
      const same: ArmedDeadman = { ...armed, windows, stage };
      await replaceArmed(layout, same, deps.disk);
      return same;
    }
    const timer = timerOf(deps, armed);
    const next = { runId, seconds: Math.ceil(more.milliseconds / 1000), number: armed.timers + 1 };
    const fault = await timer.start(next);
    if (fault !== undefined) return { kind: "fault", reason: fault };
    const extended: ArmedDeadman = {
      ...armed,
      windows,
      stage,
      dueAt,
      until: at.now + more.milliseconds,
      timer: timer.unitOf(next),
      timers: next.number,
    };
    await replaceArmed(layout, extended, deps.disk);
    await stopTimer(deps.exec, armed.timer, armed.host);
    return extended;
  });
}

/** Disarms what was confirmed. False: it is undone already, or being undone. */
export function disarm(
  deps: Pick<ArmDeps, "runnerDir" | "exec" | "clock" | "disk">,
  { runId }: Pick<ArmedDeadman, "runId">,
): Promise<boolean> {
  const layout = runnerLayout(deps.runnerDir);
  return withDeadmanLock(layout, deps.clock, async () => {
    const armed = await stillArmed(layout, runId);
    if (armed === undefined) return false;
    await removeArmed(layout, runId, deps.disk);
    await stopTimer(deps.exec, armed.timer, armed.host);
    return true;
  });
}

/** The record, if a run is still armed and nobody has begun to undo it. Under the lock, so that it stays so while something begins. */
async function stillArmed(layout: RunnerLayout, runId: ArmedDeadman["runId"]): Promise<ArmedDeadman | undefined> {
  const armed = await readArmedOf(layout, runId);
  // Begun and killed in the middle: what runs now is neither the one nor the other.
  return armed === undefined || (await readUndoRecord(layout.run(runId))) !== undefined ? undefined : armed;
}

/**
 * Lets the daemon make way for the agent that was activated, unless an undo has begun. That is recorded before: whoever undoes
 * restores the daemon too. False: it was not told to.
 */
export function restartWhileArmed(
  { runnerDir, exec, clock, disk }: Pick<ArmDeps, "runnerDir" | "exec" | "clock" | "disk">,
  { runId, host }: Pick<ArmedDeadman, "runId" | "host">,
): Promise<boolean> {
  const layout = runnerLayout(runnerDir);
  return withDeadmanLock(layout, clock, async () => {
    const armed = await stillArmed(layout, runId);
    if (armed === undefined) return false;
    await replaceArmed(layout, { ...armed, restarted: true }, disk);
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
  return withDeadmanLock(layout, clock, async () => ((await stillArmed(layout, runId)) === undefined ? undefined : begin()));
}
