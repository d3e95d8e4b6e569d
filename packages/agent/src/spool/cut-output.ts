import { constants } from "node:fs";
import type { LogLine, RunEvent } from "@nixfleet/protocol";
import { type Disk, machineDisk, syncDirectory } from "@nixfleet/runtime";
import type { EventCursor } from "./event-reader.ts";
import type { RunLayout } from "./layout.ts";

const BATCH_BYTES = 1024 * 1024;
/** Characters that stay of the first line of an event. */
const KEPT_CHARACTERS = 200;

/**
 * Cuts the output of a finished run down to a line of each event, which says how many are gone. Every event stays, under its own
 * number, so that the dashboard can store the rest at any time. The daemon may be reading the file: it then reads the old one.
 */
export async function cutOutput(
  run: Pick<RunLayout, "dir" | "events" | "outputCut">,
  cursor: EventCursor,
  disk: Disk = machineDisk,
): Promise<void> {
  const beside = `${run.events}.cut`;
  const file = await disk.open(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o640);
  try {
    for (;;) {
      const read = await cursor.read(BATCH_BYTES);
      if (read.kind === "fault") return; // Nobody can read it: what is there stays for a person.
      if (read.events.length === 0) break;
      await file.writeFile(read.events.map((event) => `${JSON.stringify(cutEvent(event))}\n`).join(""));
    }
    await file.sync();
    await disk.rename(beside, run.events);
    await (await disk.open(run.outputCut, "w", 0o640)).close();
    await syncDirectory(run.dir, disk);
  } finally {
    await file.close();
    await disk.rm(beside, { force: true });
  }
}

/** Another event of the same kind and number, if its output is worth cutting. */
export function cutEvent(event: RunEvent): RunEvent {
  if (event.kind !== "log") return event;
  const [first] = event.lines;
  const characters = event.lines.reduce((sum, { text }) => sum + text.length, 0);
  if (first === undefined || characters <= 2 * KEPT_CHARACTERS) return event;
  const { continues: _, ...line } = first;
  const text = `${event.lines.length} lines of output were cut down to the one above: too many of this host waited to be stored.`;
  const note: LogLine = { at: first.at, stream: "agent", text };
  return { ...event, lines: [{ ...line, text: line.text.slice(0, KEPT_CHARACTERS) }, note] };
}
