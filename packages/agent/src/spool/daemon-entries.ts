import { basename, join } from "node:path";
import { RunId } from "@nixfleet/protocol";
import { type Disk, openUntrustedDirectory, type UntrustedDirectory } from "@nixfleet/runtime";
import { daemonLayout } from "./layout.ts";
import { CancelRecord, MAX_FILE_BYTES, RunRequest } from "./shapes.ts";
import { type JsonRead, parseUntrustedJson } from "./untrusted-json.ts";

/**
 * What the runner, which is root, does in the directories of the daemon, which may have been taken over: it looks at names, reads
 * requests and removes what it has taken, and nothing of that leads out of those directories.
 */
export interface DaemonQueue extends AsyncDisposable {
  /** Names of what is in it and is whole, the call for a runner apart. Oldest request first. */
  names(): Promise<string[]>;
  read(runId: RunId): Promise<JsonRead<RunRequest>>;
  /** Takes an entry out of the queue. Returns what a person is to know: it could not simply be removed. */
  take(name: string): Promise<string | undefined>;
  takeWake(): Promise<void>;
}

/** The queue, or why there is none to take anything from. A daemon that has not started yet has made none: that is no fault. */
export async function openQueue(stateDir: string, disk?: Disk): Promise<{ queue: DaemonQueue | undefined; fault?: string }> {
  const layout = daemonLayout(stateDir);
  const opened = await openUntrustedDirectory(layout.queue, disk);
  if (opened.kind === "missing") return { queue: undefined };
  if (opened.kind === "refused") return { queue: undefined, fault: `Nothing is taken from the queue: ${opened.detail}.` };
  const { directory } = opened;
  const wake = basename(layout.wake);
  return {
    queue: {
      names: async () => (await directory.list()).filter((name) => !name.startsWith(".") && name !== wake),
      async read(runId) {
        const path = layout.request(runId);
        return parseUntrustedJson(await directory.read(basename(path), MAX_FILE_BYTES), path, RunRequest);
      },
      take: (name) => discard(directory, name, stateDir),
      async takeWake() {
        if (await directory.has(wake)) await discard(directory, wake, stateDir);
      },
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    },
  };
}

/** Ids of the requests that no runner has taken yet, oldest first. */
export async function queuedRuns(stateDir: string): Promise<RunId[]> {
  const { queue } = await openQueue(stateDir);
  if (queue === undefined) return [];
  await using _queue = queue;
  return (await queue.names()).flatMap((name) => requestedRun(name) ?? []);
}

/** The run that a file of the queue asks for, by its name. */
export function requestedRun(name: string): RunId | undefined {
  const id = name.endsWith(".json") ? RunId.safeParse(basename(name, ".json")) : undefined;
  return id?.success ? id.data : undefined;
}

/** A request to stop a run. `by`: who cancelled it, as far as it says so. */
export interface Cancellation {
  by: string | null;
}

/** The daemon's request to stop a run. What cannot be looked at asks for nothing. */
export async function readCancel(stateDir: string, runId: RunId): Promise<Cancellation | undefined> {
  return await inCancel(stateDir, async (directory) => {
    if (!(await directory.has(runId))) return undefined;
    const path = daemonLayout(stateDir).cancelRequest(runId);
    const record = parseUntrustedJson(await directory.read(runId, MAX_FILE_BYTES), path, CancelRecord);
    return { by: record.kind === "ok" ? (record.value.by ?? null) : null };
  });
}

/** Removes the daemon's request to stop a run that is over. */
export async function removeCancel(stateDir: string, runId: RunId): Promise<void> {
  await inCancel(stateDir, (directory) => discard(directory, runId, stateDir));
}

async function inCancel<T>(stateDir: string, work: (directory: UntrustedDirectory) => Promise<T>): Promise<T | undefined> {
  try {
    const opened = await openUntrustedDirectory(daemonLayout(stateDir).cancel);
    if (opened.kind !== "ok") return undefined;
    await using directory = opened.directory;
    return await work(directory);
  } catch {
    return undefined; // Nothing that is there may end a run in the middle of its work.
  }
}

/**
 * Takes an entry away: a file or an empty directory is removed, anything else is moved beside the queue, so that it does not keep
 * a service manager starting runners. Nothing is ever removed with what is in it.
 */
async function discard(directory: UntrustedDirectory, name: string, stateDir: string): Promise<string | undefined> {
  if ((await directory.remove(name)) !== "left") return undefined;
  const aside = `refused-${name.slice(0, 200)}`;
  const shown = JSON.stringify(name.slice(0, 100));
  return (await directory.moveOut(name, join(stateDir, aside)))
    ? `${shown} could not be removed and was moved to ${JSON.stringify(aside)} beside the queue.`
    : `${shown} can be neither removed nor moved: it stays in the queue.`;
}
