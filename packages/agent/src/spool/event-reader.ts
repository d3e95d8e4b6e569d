import { constants } from "node:fs";
import { RunEvent, type RunId, type SpoolWriter } from "@nixfleet/protocol";
import { type Disk, type DiskFile, machineDisk } from "@nixfleet/runtime";
import { runnerLayout } from "./layout.ts";
import { listRuns } from "./run-directories.ts";
import { RequestRecord, RunOutcome } from "./shapes.ts";
import { readSpoolWriters } from "./spool-writers.ts";
import { type JsonRead, readUntrustedJson } from "./untrusted-json.ts";

const CHUNK = 256 * 1024;
/** Longest line that an event can have. */
const MAX_EVENT_BYTES = 1024 * 1024;
const LF = 10;

export type EventRead =
  /** Events in order, behind those of the call before. Empty: there is nothing new. */
  | { kind: "events"; events: RunEvent[] }
  /** The file is not what a runner writes: nothing more of it can be sent. */
  | { kind: "fault"; reason: string };

/** Reads the events of one run from its spool, while the runner still appends to it. */
export interface EventCursor extends AsyncDisposable {
  /**
   * The next whole events, at most `maxBytes` of them (and at least one, if there is one). What it returns is on the disk:
   * an event that the dashboard has seen cannot be undone by a power loss of the host.
   */
  read(maxBytes: number): Promise<EventRead>;
}

/** The runner's directory as the daemon sees it. */
export interface SpoolReader {
  /** Every run whose spool is there, oldest first. */
  runs(): Promise<RunId[]>;
  /** Whether a spool for this run was begun. */
  has(runId: RunId): Promise<boolean>;
  outcome(runId: RunId): Promise<JsonRead<RunOutcome>>;
  /** What was requested. It is written before the first event. */
  request(runId: RunId): Promise<JsonRead<RequestRecord>>;
  /** Whether a person asked for it on the host itself. */
  isByHand(runId: RunId): Promise<boolean>;
  /** Who wrote the events, oldest first. */
  writers(runId: RunId): Promise<SpoolWriter[]>;
  /** Seq of the last whole event; 0 before the first. */
  lastSeq(runId: RunId): Promise<number>;
  /** A cursor behind the event with the number `afterSeq`. */
  openEvents(runId: RunId, afterSeq: number): EventCursor;
}

export function createSpoolReader(runnerDir: string, disk: Disk = machineDisk): SpoolReader {
  const layout = runnerLayout(runnerDir);
  return {
    runs: () => listRuns(runnerDir),
    has: async (runId) => (await listRuns(runnerDir)).includes(runId),
    outcome: (runId) => readUntrustedJson(layout.run(runId).outcome, RunOutcome),
    request: (runId) => readUntrustedJson(layout.run(runId).request, RequestRecord),
    async isByHand(runId) {
      const request = await readUntrustedJson(layout.run(runId).request, RequestRecord);
      return request.kind === "ok" && request.value.byHand === true;
    },
    writers: (runId) => readSpoolWriters(layout.run(runId)),
    lastSeq: (runId) => readLastSeq(layout.run(runId).events, disk),
    openEvents: (runId, afterSeq) => createCursor(layout.run(runId).events, afterSeq, disk),
  };
}

function createCursor(path: string, afterSeq: number, disk: Disk): EventCursor {
  let file: DiskFile | "refused" | undefined;
  let offset = 0;
  let seq = 0;
  let fault: string | undefined;

  return {
    async read(maxBytes) {
      if (fault !== undefined) return { kind: "fault", reason: fault };
      file ??= await openRegular(path, disk);
      if (file === undefined) return { kind: "events", events: [] };
      if (file === "refused") {
        file = undefined;
        return { kind: "fault", reason: `${path} is not a regular file` };
      }
      const events: RunEvent[] = [];
      let bytes = 0;
      while (bytes < maxBytes) {
        const chunk = await readWholeLines(file, offset);
        if (chunk === "too-long") {
          fault = `${path}: the event after ${seq} is longer than ${MAX_EVENT_BYTES} bytes`;
          break;
        }
        if (chunk.length === 0) break;
        // Behind the reading of each chunk: the runner may have written it since the last flush.
        let isSynced = false;
        let start = 0;
        while (start < chunk.length && fault === undefined) {
          const end = chunk.indexOf(LF, start) + 1;
          const line = chunk.toString("utf8", start, end);
          if (seq >= afterSeq) {
            if (events.length > 0 && bytes + line.length > maxBytes) break;
            const parsed = parseEvent(line);
            if (parsed === undefined || parsed.seq !== seq + 1) {
              fault = `${path}: what follows event ${seq} is not event ${seq + 1}`;
              break;
            }
            if (!isSynced) await file.datasync();
            isSynced = true;
            events.push(parsed);
            bytes += end - start;
          }
          seq++;
          offset += end - start;
          start = end;
        }
        if (fault !== undefined || start < chunk.length) break;
      }
      return fault !== undefined && events.length === 0 ? { kind: "fault", reason: fault } : { kind: "events", events };
    },
    async [Symbol.asyncDispose]() {
      if (file !== "refused") await file?.close();
    },
  };
}

/** Opens a file that the other side wrote: no link is followed, and a pipe does not block. Undefined: it is not there. */
async function openRegular(path: string, disk: Disk): Promise<DiskFile | "refused" | undefined> {
  let file: DiskFile;
  try {
    file = await disk.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP" || code === "ENXIO") return "refused"; // A symbolic link, a socket.
    throw error;
  }
  const stats = await file.stat();
  if (stats.isFile() && stats.nlink === 1) return file;
  await file.close();
  return "refused";
}

/** The whole lines that begin at `offset`, about a chunk of them. A last line without its end is left for later. */
async function readWholeLines(file: DiskFile, offset: number): Promise<Buffer | "too-long"> {
  for (let size = CHUNK; ; size *= 2) {
    const buffer = Buffer.allocUnsafe(size);
    const { bytesRead } = await file.read(buffer, 0, size, offset);
    const end = buffer.lastIndexOf(LF, bytesRead - 1) + 1;
    if (bytesRead === 0) return Buffer.alloc(0);
    if (end > 0) return buffer.subarray(0, end);
    if (bytesRead < size) return Buffer.alloc(0);
    if (size > MAX_EVENT_BYTES) return "too-long";
  }
}

async function readLastSeq(path: string, disk: Disk): Promise<number> {
  const file = await openRegular(path, disk);
  if (file === undefined || file === "refused") return 0;
  try {
    const { size } = await file.stat();
    for (let length = Math.min(CHUNK, size); length > 0; length = Math.min(length * 2, size)) {
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, size - length);
      const end = buffer.lastIndexOf(LF);
      const start = end <= 0 ? -1 : buffer.lastIndexOf(LF, end - 1);
      if (end > 0 && (start >= 0 || length === size)) return parseEvent(buffer.toString("utf8", start + 1, end))?.seq ?? 0;
      if (length === size || length > 2 * MAX_EVENT_BYTES) break;
    }
    return 0;
  } finally {
    await file.close();
  }
}

/** An event, or nothing if the line is none. */
export function parseEvent(line: string): RunEvent | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined; // The caller says which line it was.
  }
  const parsed = RunEvent.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}
