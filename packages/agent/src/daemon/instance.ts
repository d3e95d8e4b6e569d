import { type Clock, identifyProcess, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { DaemonFiles } from "../spool/daemon-files.ts";

/** This process of this host, as the runner and the dashboard know it. */
export interface Instance {
  /** Another one in every process: boot id, pid and start time. */
  readonly name: string;
  readonly startedAt: number;
  /** Writes down that this process acts for the host. */
  begin(): Promise<void>;
  /** Writes down that the dashboard has welcomed this process; the runner of a restart waits for that. */
  connected(): Promise<void>;
}

export function createInstance(files: Pick<DaemonFiles, "writeStatus">, clock: Clock, log: Log): Instance {
  const process = identifyProcess();
  if (process === undefined) throw new Error("this process cannot find itself in the process table");
  const name = `${process.bootId}:${process.pid}:${process.startTime}`;
  const startedAt = clock.now();
  const write = async (connectedAt: number | null) => {
    try {
      await files.writeStatus({ instance: name, process, startedAt, connectedAt });
    } catch (error) {
      // A full disk must not keep the agent from its link.
      log.error("status-not-written", { message: messageOf(error) });
    }
  };
  return { name, startedAt, begin: () => write(null), connected: () => write(clock.now()) };
}
