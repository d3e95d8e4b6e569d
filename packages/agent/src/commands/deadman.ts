import { RunId } from "@nixfleet/protocol";
import { exec, lockOwner, systemClock } from "@nixfleet/runtime";
import { bootUndoes, millisecondsLeft } from "../deadman/decide.ts";
import { momentNow, monotonicNow } from "../deadman/moment.ts";
import { readArmed } from "../deadman/record.ts";
import { KEEPS_TIME } from "../deadman/timer.ts";
import { type UndoRequest, undo } from "../deadman/undo.ts";
import { stateDirsOf } from "../settings.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { runnerLayout } from "../spool/layout.ts";
import { wait } from "../spool/run-record.ts";
import type { Environment } from "./read-settings.ts";

const POLL_MS = 500;
/** An undo that met a fault of its own is started again so often, with this pause in milliseconds. */
const TRIES = 5;
const PAUSE = 2000;

export type DeadmanCommand = { kind: "timer"; run: string; after: number } | { kind: "boot" };

/**
 * `nixfleet-agent deadman`: what the timer, or the boot, of an armed dead-man switch starts. It reads no setting but where the
 * runner's directory is: all that an undo needs is in the armed record. Returns the exit code.
 */
export async function deadman(command: DeadmanCommand, env: Environment): Promise<number> {
  const set = { stateDir: undefined, runnerDir: env["NIXFLEET_RUNNER_DIR"] || undefined };
  const { runnerDir } = stateDirsOf(set, env);
  if (command.kind === "boot") return undoWithRetries(runnerDir, await atBoot(runnerDir));
  const runId = RunId.parse(command.run);
  const isDue = (armed: ArmedDeadman) => armed.runId === runId && extensionLeft(armed) === 0;
  for (let after = command.after; await waitUntilDue(runnerDir, runId, after); after = 0) {
    const code = await undoWithRetries(runnerDir, { why: "timer", applies: isDue });
    // Extended at the last moment: then it waits again, beside the timer that was started for it.
    if (code !== 0 || !(await isExtended(runnerDir, runId))) return code;
  }
  return 0;
}

async function undoWithRetries(runnerDir: string, request: UndoRequest): Promise<number> {
  const log = (message: string) => void process.stderr.write(`${message}\n`);
  for (let tries = 1; ; tries++) {
    try {
      await undo({ runnerDir, exec, clock: systemClock, log }, request);
      return 0;
    } catch (error) {
      log(`The undo met a fault: ${(error as Error).stack ?? String(error)}`);
      if (tries === TRIES) return 1;
      await wait(systemClock, PAUSE);
    }
  }
}

async function atBoot(runnerDir: string): Promise<UndoRequest> {
  const runnerLives = (await lockOwner(runnerLayout(runnerDir).lock)) !== undefined;
  const at = { ...momentNow(systemClock), runnerLives };
  return { why: "boot", applies: (armed) => bootUndoes(armed, at) };
}

/** Milliseconds that an extension leaves; 0 where the first window was not extended, whose time the timer itself keeps. */
function extensionLeft(armed: ArmedDeadman): number {
  return armed.timers > 1 ? millisecondsLeft(armed, momentNow(systemClock)) : 0;
}

async function isExtended(runnerDir: string, runId: RunId): Promise<boolean> {
  const armed = await readArmed(runnerLayout(runnerDir));
  return armed.kind === "ok" && armed.value.runId === runId && extensionLeft(armed.value) > 0;
}

/**
 * Waits by the monotonic clock, so that nobody's wall clock makes it early or late: so many seconds, and then for as long as the
 * record says, since its window may have been extended meanwhile. False: it is disarmed before that.
 */
async function waitUntilDue(runnerDir: string, runId: RunId, after: number): Promise<boolean> {
  const layout = runnerLayout(runnerDir);
  const until = monotonicNow() + after * 1000;
  process.stdout.write(KEEPS_TIME);
  for (;;) {
    const armed = await readArmed(layout);
    if (armed.kind === "missing" || (armed.kind === "ok" && armed.value.runId !== runId)) return false;
    const left = Math.max(until - monotonicNow(), armed.kind === "ok" ? extensionLeft(armed.value) : 0);
    if (left <= 0) return true;
    await wait(systemClock, Math.min(left, POLL_MS));
  }
}
