import type { Clock } from "@nixfleet/runtime";
import type { DaemonFiles } from "../spool/daemon-files.ts";
import type { RunnerHandle } from "./runner-launcher.ts";

const POLL_MS = 500;
/** How long a service manager may take to start a runner, in milliseconds. */
const PATIENCE = 30_000;

export interface WakeRunnerDeps {
  files: Pick<DaemonFiles, "putWake" | "isWakeLeft">;
  isRunnerAlive: () => Promise<boolean>;
  clock: Clock;
}

/**
 * Calls a runner where a service manager starts it when the queue has a file: for what is no request. The runner takes the file
 * when it has its lock.
 */
export async function wakeRunner({ files, isRunnerAlive, clock }: WakeRunnerDeps): Promise<RunnerHandle> {
  await files.putWake();
  return { pid: undefined, ended: follow() };

  async function follow(): Promise<Awaited<RunnerHandle["ended"]>> {
    for (let waited = 0; (await files.isWakeLeft()) || (await isRunnerAlive()); ) {
      if (!(await isRunnerAlive())) waited += POLL_MS;
      if (waited > PATIENCE) return { code: null, how: "no start: its service manager did not start it" };
      await new Promise<void>((resolve) => clock.setTimeout(resolve, POLL_MS));
    }
    return { code: 0, how: "its work" };
  }
}
