import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RunId } from "@nixfleet/protocol";
import type { Exec } from "@nixfleet/runtime";
import { pickVariables } from "../environment.ts";
import type { Systemd } from "../systemd/systemd.ts";
import { type RecordedHost, recordedSystemd, systemdOfUnit } from "./recorded-host.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What undoes when time is up, and is not the agent: nothing that ends the agent ends it. */
export interface DeadmanTimer {
  /** Name of the transient timer for a run; null: a process of its own keeps the time. */
  unitOf(runId: RunId): string | null;
  /** Starts the `deadman-program` after some seconds. Returns why that cannot be; undefined: it will be started. */
  start(timer: { runId: RunId; seconds: number }): Promise<string | undefined>;
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
  const unitOf = (runId: RunId) => `nixfleet-deadman-${runId}`;
  return {
    unitOf,
    start: ({ runId, seconds }) =>
      systemd.startTimer({
        unit: unitOf(runId),
        description: `Undoes what run ${runId} has activated, unless it is confirmed`,
        seconds,
        env: deadmanEnv(host.env, runnerDir),
        argv: [program, "deadman", "--run", runId],
      }),
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
        stdio: "ignore",
      });
      try {
        await once(child, "spawn");
      } catch (error) {
        return (error as Error).message;
      }
      child.unref();
      return undefined;
    },
  };
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
