import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RunId } from "@nixfleet/protocol";
import { type Exec, identifyProcess, isAlive, type ProcessIdentity } from "@nixfleet/runtime";
import { pickVariables } from "../environment.ts";
import type { Systemd } from "../systemd/systemd.ts";
import { type RecordedHost, recordedSystemd, systemdOfUnit } from "./recorded-host.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What a timer's process says on its standard output once it keeps the time. */
export const KEEPS_TIME = "keeping the time\n";

/** How long a program may take until it keeps the time. Milliseconds. */
const START_LIMIT = 60_000;

export interface TimerStart {
  runId: RunId;
  seconds: number;
  /** How many timers this run has had with it: an extended window gets another one before the first is stopped. */
  number: number;
}

/** What undoes when time is up, and is not the agent: nothing that ends the agent ends it. */
export interface DeadmanTimer {
  /** Name of the transient timer for a run; null: a process of its own keeps the time. */
  unitOf(timer: Pick<TimerStart, "runId" | "number">): string | null;
  /** Starts the `deadman-program` after some seconds. Returns why that cannot be; undefined: it was seen to be active. */
  start(timer: TimerStart): Promise<string | undefined>;
}

export interface TimerDeps {
  /** Path of `deadman-program`. */
  program: string;
  runnerDir: string;
  host: RecordedHost;
  exec: Exec;
}

/** The timer of this host: systemd's where that runs it, else a process. */
export function createDeadmanTimer(deps: TimerDeps, systemd = recordedSystemd(deps.host, deps.exec)): DeadmanTimer {
  return systemd === undefined ? createProcessTimer(deps) : createSystemdTimer(deps, systemd);
}

/** Time by the monotonic clock (systemd.timer(5), `OnActiveSec=`), so that nobody's wall clock can make it early or late. */
function createSystemdTimer({ program, runnerDir, host }: TimerDeps, systemd: Systemd): DeadmanTimer {
  const unitOf = ({ runId, number }: Pick<TimerStart, "runId" | "number">) =>
    number === 1 ? `nixfleet-deadman-${runId}` : `nixfleet-deadman-${runId}-${number}`;
  return {
    unitOf,
    async start({ runId, seconds, number }) {
      const unit = unitOf({ runId, number });
      // Where a runner was killed as it started this one, it is there already.
      if (number > 1) await systemd.stop(`${unit}.timer`);
      const fault = await systemd.startTimer({
        unit,
        description: `Undoes what run ${runId} has activated, unless it is confirmed`,
        seconds,
        env: deadmanEnv(host.env, runnerDir),
        argv: [program, "deadman", "--run", runId],
      });
      if (fault !== undefined) return fault;
      if (await systemd.isTimerWaiting(`${unit}.timer`)) return undefined;
      await systemd.stop(`${unit}.timer`);
      return `systemd does not say that ${unit}.timer is waiting.`;
    },
  };
}

/** A process in a session of its own, which neither the runner's end nor that of its process group reaches. */
function createProcessTimer({ program, runnerDir, host }: TimerDeps): DeadmanTimer {
  return {
    unitOf: () => null,
    async start({ runId, seconds }) {
      // By sh(1): a file that another thread of this process has open for writing when it forks cannot be executed itself.
      const child = spawn("/bin/sh", [program, "deadman", "--run", runId, "--after", String(seconds)], {
        cwd: "/",
        detached: true,
        env: deadmanEnv(host.env, runnerDir),
        stdio: ["ignore", "pipe", "ignore"],
      });
      try {
        await once(child, "spawn");
      } catch (error) {
        return (error as Error).message;
      }
      child.unref();
      const process = identifyProcess(child.pid);
      const isHeard = await hears(child.stdout, KEEPS_TIME);
      child.stdout.destroy();
      if (isHeard && process !== undefined && isAlive(process)) return undefined;
      end(process);
      return "The program that is to undo does not start.";
    },
  };
}

/** Whether a stream says a text within the limit, before it ends. */
async function hears(stream: NodeJS.ReadableStream, text: string): Promise<boolean> {
  const limit = AbortSignal.timeout(START_LIMIT);
  let heard = "";
  try {
    for (;;) {
      const [chunk] = await Promise.race([
        once(stream, "data", { signal: limit }),
        once(stream, "close", { signal: limit }).then(() => [undefined]),
      ]);
      if (chunk === undefined) return false;
      heard = (heard + String(chunk)).slice(-1000);
      if (heard.includes(text)) return true;
    }
  } catch {
    return false; // It took too long, or the pipe broke: it does not keep the time as far as anybody can tell.
  }
}

function end(process: ProcessIdentity | undefined): void {
  if (process === undefined || !isAlive(process)) return;
  globalThis.process.kill(process.pid, "SIGKILL");
}

/** All that the program needs: the rest is in the armed record. */
function deadmanEnv(env: Env, runnerDir: string): Record<string, string> {
  return { ...pickVariables(env, ["PATH", "HOME"]), NIXFLEET_RUNNER_DIR: runnerDir };
}

/** Stops the timer of a record that is gone. A service that it has started goes on, and finds nothing to do. */
export async function stopTimer(exec: Exec, unit: string | null, host: RecordedHost): Promise<void> {
  if (unit === null) return; // The process looks for the record from time to time, and ends when it is gone.
  await systemdOfUnit(host, exec).stop(`${unit}.timer`);
}
