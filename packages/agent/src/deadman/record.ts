import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Facts, RunId } from "@nixfleet/protocol";
import { type Disk, isDiskFull, machineDisk, syncDirectory, writeAtomic } from "@nixfleet/runtime";
import { type ArmedDeadman, ArmedRecord, withFirstFormat } from "../spool/armed-deadman.ts";
import type { RunLayout, RunnerLayout } from "../spool/layout.ts";
import { runnerLayout } from "../spool/layout.ts";
import { UndoRecord } from "../spool/shapes.ts";
import { type JsonRead, readUntrustedJson } from "../spool/untrusted-json.ts";

/** The daemon may run as another user of the same group: it reports what is armed. */
const mode = 0o640;

export function readArmed(layout: Pick<RunnerLayout, "deadman">): Promise<JsonRead<ArmedDeadman>> {
  return readUntrustedJson(layout.deadman, ArmedRecord);
}

/** The record, if the dead-man switch is armed and it is this run's. */
export async function readArmedOf(layout: Pick<RunnerLayout, "deadman">, runId: RunId): Promise<ArmedDeadman | undefined> {
  const read = await readArmed(layout);
  return read.kind === "ok" && read.value.runId === runId ? read.value : undefined;
}

/** On the disk when it returns: from here on a boot undoes. */
export function writeArmed(layout: Pick<RunnerLayout, "deadman">, armed: ArmedDeadman, disk: Disk = machineDisk): Promise<void> {
  return writeAtomic(layout.deadman, `${JSON.stringify(withFirstFormat(armed))}\n`, { mode, disk });
}

/** The same for one that is there already. On a full disk it takes what the run holds back for its own end. */
export function replaceArmed(
  layout: Pick<RunnerLayout, "deadman" | "run">,
  armed: ArmedDeadman,
  disk: Disk = machineDisk,
): Promise<void> {
  return withReserve(layout.run(armed.runId), disk, () => writeArmed(layout, armed, disk));
}

async function withReserve(run: Pick<RunLayout, "reserve">, disk: Disk, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await disk.rm(run.reserve, { force: true });
    await write();
  }
}

/** On the disk when it returns: no boot undoes any more, and nothing is kept from the garbage collector for that. */
export async function removeArmed(
  layout: Pick<RunnerLayout, "deadman" | "run">,
  runId: RunId,
  disk: Disk = machineDisk,
): Promise<void> {
  await disk.rm(layout.deadman, { force: true });
  await syncDirectory(dirname(layout.deadman), disk);
  await rm(layout.run(runId).roots, { recursive: true, force: true });
}

export async function readUndoRecord(run: Pick<RunLayout, "undone">): Promise<UndoRecord | undefined> {
  const read = await readUntrustedJson(run.undone, UndoRecord);
  return read.kind === "ok" ? read.value : undefined;
}

/**
 * Records how far an undo is. What keeps it from that does not stop the undo: on a full disk it gives up
 * what the run holds back for its own end, and then the undo continues without its note. Returns why there is none.
 */
export async function writeUndoRecord(
  run: Pick<RunLayout, "undone" | "reserve">,
  undone: UndoRecord,
  disk: Disk = machineDisk,
): Promise<string | undefined> {
  try {
    await withReserve(run, disk, () => writeAtomic(run.undone, `${JSON.stringify(undone)}\n`, { mode, disk }));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What is armed, as a fact of the host. A record that cannot be read is no fact, and not the word that nothing is armed. */
export async function readDeadmanFact(runnerDir: string): Promise<Pick<Partial<Facts>, "deadman">> {
  const read = await readArmed(runnerLayout(runnerDir));
  if (read.kind === "refused") return {};
  if (read.kind === "missing") return { deadman: null };
  const { runId, until, back } = read.value;
  return { deadman: { runId, until, back } };
}
