import { fstatSync } from "node:fs";
import { dirname } from "node:path";
import type { BuildProgress, LogLine, RunEventBody } from "@nixfleet/protocol";
import { type Clock, type Disk, isDiskFull, machineDisk, syncDirectoryNow } from "@nixfleet/runtime";
import { createPendingEvents } from "./pending-events.ts";

/** How long log lines wait for others, in milliseconds. */
const BATCH_MS = 50;
/** At most one progress in this many milliseconds. */
const PROGRESS_MS = 250;
/** How often a full disk is tried again, in milliseconds. */
const RETRY_MS = 1000;
/** Bytes that hold a usual batch. */
const INITIAL_BUFFER = 512 * 1024;
const LF = 10;

/** Appends the events of one run to its spool, numbered without gaps. One write for each batch. */
export interface EventWriter {
  /** Number of the last event that is in the file. */
  lastSeq(): number;
  /** Appends at once, behind all that was given before. */
  append(body: RunEventBody): void;
  /** Appends within 50 ms, together with other lines. */
  log(line: LogLine): void;
  /** Appends the progress as it is then, at most four times a second. */
  progress(read: () => BuildProgress): void;
  /** Writes what waits. False: the disk is full, and something still waits. */
  flush(): boolean;
  /** Cuts all lines that wait, so that the end of the run fits on a full disk. */
  cutLines(): void;
  /** Writes what waits and asks the disk to keep it. False as for `flush`. */
  sync(): boolean;
  close(): void;
}

export interface EventWriterDeps {
  path: string;
  clock: Clock;
  /** Number of the last event that is already in the file. */
  lastSeq?: number;
  disk?: Disk | undefined;
}

/**
 * When the disk is full, the run goes on: what is in the file stays (the head), what follows is kept in bounded memory (the
 * tail) and tried again every second; a warning in its place says how much was cut between the two.
 */
export function createEventWriter({ path, clock, lastSeq = 0, disk = machineDisk }: EventWriterDeps): EventWriter {
  const fd = disk.openSync(path, "a+", 0o640);
  // An event is flushed before it is sent, and that would be of no use if its file had lost its name.
  syncDirectoryNow(dirname(path), disk);
  const pending = createPendingEvents();
  let seq = lastSeq;
  let full = false;
  let timer: { cancel(): void } | undefined;
  let latestProgress: (() => BuildProgress) | undefined;
  let progressTimer: { cancel(): void } | undefined;
  let nextProgressAt = 0;

  // One buffer for all writes: a stream of output would otherwise leave megabytes of garbage for each second.
  let buffer = Buffer.allocUnsafe(INITIAL_BUFFER);
  const encodeLine = (text: string, at: number): number => {
    const most = at + text.length * 3 + 1; // UTF-8 takes three bytes at most for each of UTF-16's units.
    if (most > buffer.length) {
      const larger = Buffer.allocUnsafe(most * 2);
      buffer.copy(larger, 0, 0, at);
      buffer = larger;
    }
    const length = buffer.write(text, at);
    buffer[at + length] = LF;
    return length + 1;
  };

  const flushSoon = (ms: number) => {
    timer ??= clock.setTimeout(() => {
      timer = undefined;
      flush();
    }, ms);
  };

  const flush = (): boolean => {
    timer?.cancel();
    timer = undefined;
    const entries = pending.entries();
    if (entries.length === 0) return true;
    const ends: number[] = [];
    let length = 0;
    for (const { at, body } of entries) {
      length += encodeLine(JSON.stringify({ seq: seq + ends.length + 1, at, ...body }), length);
      ends.push(length);
    }
    const { whole, fault } = writeWholeLines(fd, buffer.subarray(0, length), ends, disk);
    seq += whole;
    pending.drop(whole);
    if (fault !== undefined) throw fault;
    full = whole < ends.length;
    if (full) flushSoon(RETRY_MS);
    return !full;
  };

  const append = (body: RunEventBody) => {
    pending.add(clock.now(), body);
    if (full) {
      pending.cut();
      flushSoon(RETRY_MS);
    } else flush();
  };

  const writeProgress = () => {
    progressTimer?.cancel();
    progressTimer = undefined;
    if (latestProgress === undefined) return;
    const progress = latestProgress();
    latestProgress = undefined;
    nextProgressAt = clock.now() + PROGRESS_MS;
    append({ kind: "progress", progress });
  };

  return {
    lastSeq: () => seq,
    append(body) {
      writeProgress();
      append(body);
    },
    log(line) {
      const batchIsFull = pending.addLine(line);
      if (full) {
        pending.cut();
        flushSoon(RETRY_MS);
      } else if (batchIsFull) flush();
      else flushSoon(BATCH_MS);
    },
    progress(read) {
      latestProgress = read;
      const wait = nextProgressAt - clock.now();
      if (wait <= 0) writeProgress();
      else progressTimer ??= clock.setTimeout(writeProgress, wait);
    },
    flush() {
      writeProgress();
      return flush();
    },
    cutLines: () => pending.cut(0),
    sync() {
      writeProgress();
      if (!flush()) return false;
      disk.fsyncSync(fd);
      return true;
    },
    close() {
      timer?.cancel();
      progressTimer?.cancel();
      disk.closeSync(fd);
    },
  };
}

/**
 * Writes lines, which end where `ends` says, and returns how many are in the file whole, and what kept the others out of it if
 * that was no full disk. A torn line is taken off again; the whole ones before it stay, since the daemon may have read them.
 */
function writeWholeLines(
  fd: number,
  bytes: Uint8Array,
  ends: readonly number[],
  disk: Disk,
): { whole: number; fault: Error | undefined } {
  let written = 0;
  let fault: Error | undefined;
  try {
    while (written < bytes.length) {
      const count = disk.writeSync(fd, bytes, written, bytes.length - written);
      if (count === 0) break;
      written += count;
    }
  } catch (error) {
    if (!isDiskFull(error)) fault = error as Error;
  }
  const whole = ends.findLastIndex((end) => end <= written) + 1;
  const torn = written - (ends[whole - 1] ?? 0);
  if (torn > 0) disk.ftruncateSync(fd, fstatSync(fd).size - torn);
  return { whole, fault };
}
