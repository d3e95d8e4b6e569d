import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { type Disk, machineDisk, makeDirectory, writeAtomic } from "@nixfleet/runtime";
import { queuedRuns } from "./daemon-entries.ts";
import { daemonLayout } from "./layout.ts";
import { AcknowledgedSeqs, DaemonStatus, RunRequest } from "./shapes.ts";
import { type JsonRead, readUntrustedJson } from "./untrusted-json.ts";

/** What the daemon leaves for the runner. Every file appears whole or not at all, and is on the disk when the call returns. */
export interface DaemonFiles {
  /** Makes the directories, and removes what a killed daemon was writing into the queue: it would keep a service manager awake. */
  prepare(): Promise<void>;
  putRequest(request: RunRequest): Promise<void>;
  /** A request that no runner has taken yet. */
  readRequest(runId: RunId): Promise<JsonRead<RunRequest>>;
  /** Ids of requests that no runner has taken yet. */
  queued(): Promise<RunId[]>;
  /** Asks the service manager for a runner though nothing is requested. */
  putWake(): Promise<void>;
  /** Whether no runner has come since. */
  isWakeLeft(): Promise<boolean>;
  /** `by`: who cancels it, where the dashboard says so. */
  askCancel(runId: RunId, by?: string): Promise<void>;
  writeAcknowledged(acknowledged: AcknowledgedSeqs): Promise<void>;
  /** The daemon's own file of earlier; none, if it cannot be understood: then every run is offered again. */
  readAcknowledged(): Promise<JsonRead<AcknowledgedSeqs>>;
  writeStatus(status: DaemonStatus): Promise<void>;
  readStatus(): Promise<JsonRead<DaemonStatus>>;
}

/** Both sides may run as different users of one group: it reads what the other writes. */
const mode = 0o640;
const directoryMode = 0o770;
/** As `writeAtomic` names what it is writing. */
const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

export function createDaemonFiles(stateDir: string, disk: Disk = machineDisk): DaemonFiles {
  const layout = daemonLayout(stateDir);
  const write = (path: string, value: unknown) => writeAtomic(path, `${JSON.stringify(value)}\n`, { mode, disk });
  return {
    async prepare() {
      await makeDirectory(layout.queue, directoryMode, disk);
      await makeDirectory(layout.cancel, directoryMode, disk);
      const torn = (await listDirectory(layout.queue)).filter((name) => TEMPORARY.test(name));
      for (const name of torn) await disk.rm(join(layout.queue, name), { force: true });
    },
    putRequest: (request) => write(layout.request(request.runId), request),
    readRequest: (runId) => readUntrustedJson(layout.request(runId), RunRequest),
    queued: () => queuedRuns(stateDir),
    putWake: () => write(layout.wake, {}),
    isWakeLeft: async () => (await listDirectory(layout.queue)).includes(basename(layout.wake)),
    askCancel: (runId, by) => write(layout.cancelRequest(runId), by === undefined ? {} : { by }),
    writeAcknowledged: (acknowledged) => write(layout.acknowledged, acknowledged),
    readAcknowledged: () => readUntrustedJson(layout.acknowledged, AcknowledgedSeqs),
    writeStatus: (status) => write(layout.status, status),
    readStatus: () => readUntrustedJson(layout.status, DaemonStatus),
  };
}

/** Names in a directory, sorted; none, if it is not there. */
export async function listDirectory(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
