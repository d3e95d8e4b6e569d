import type { Phase, RunEvent } from "@nixfleet/protocol";
import { type Disk, type DiskFile, machineDisk } from "@nixfleet/runtime";
import { parseEvent } from "./event-reader.ts";

const CHUNK = 1024 * 1024;
const LONGEST_LINE = 2 * CHUNK;
const LF = 10;

/** What the events of an interrupted run tell, after what was torn has been cut off. */
export interface MendedEvents {
  lastSeq: number;
  /** The last event, if there is any. */
  last: RunEvent | undefined;
  /** Lines of the activation's output that are in the events. */
  activationLines: number;
  hasDeployed: boolean;
  /** The closure that the armed dead-man switch would bring back, if it was ever armed. */
  armedBack: string | undefined;
  /** The phase that was told last. */
  phase: Phase | undefined;
}

const NOTHING: MendedEvents = {
  lastSeq: 0,
  last: undefined,
  activationLines: 0,
  hasDeployed: false,
  armedBack: undefined,
  phase: undefined,
};

/**
 * Goes through the events of a run whose runner is gone, and cuts the file behind the last whole one: a killed runner can
 * leave a torn line, a power loss a torn page. What is cut was never sent, since the daemon sends only what is on the disk.
 */
export async function mendEvents(path: string, disk: Disk = machineDisk): Promise<MendedEvents> {
  let file: DiskFile;
  try {
    file = await disk.open(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return { ...NOTHING };
  }
  try {
    const mended = { ...NOTHING };
    let good = 0;
    let rest = Buffer.alloc(0);
    let offset = 0;
    reading: for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await file.read(buffer, 0, CHUNK, offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
      const chunk = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
        const event = parseEvent(chunk.toString("utf8", start, end));
        if (event === undefined || event.seq !== mended.lastSeq + 1) break reading;
        take(mended, event);
        good += end + 1 - start;
        start = end + 1;
      }
      rest = chunk.subarray(start);
      if (rest.length > LONGEST_LINE) break; // A hole that a power loss has left: no event is that long.
    }
    await file.truncate(good);
    await file.sync();
    return mended;
  } finally {
    await file.close();
  }
}

function take(mended: MendedEvents, event: RunEvent): void {
  mended.lastSeq = event.seq;
  mended.last = event;
  if (event.kind === "deployed") mended.hasDeployed = true;
  if (event.kind === "armed") mended.armedBack = event.back;
  if (event.kind === "phase") mended.phase = event.phase;
  if (event.kind === "log") mended.activationLines += event.lines.filter((line) => line.stream === "activation").length;
}
