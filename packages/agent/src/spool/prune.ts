import { rm, stat } from "node:fs/promises";
import { isDiskFull } from "@nixfleet/runtime";
import { cutOutput } from "./cut-output.ts";
import { createSpoolReader } from "./event-reader.ts";
import { exists } from "./exists.ts";
import { type RunLayout, runnerLayout } from "./layout.ts";
import { listRuns, MOST_FINISHED_RUNS } from "./run-directories.ts";
import { type AcknowledgedSeqs, RunOutcome } from "./shapes.ts";
import { readUntrustedJson } from "./untrusted-json.ts";

const hour = 3_600_000;

export interface Retention {
  /** Events of a run that the dashboard has stored are kept so long, in milliseconds… */
  events: number;
  /** …unless there are more bytes of them. */
  eventBytes: number;
  /** Request and outcome stay longer, so that the same request is known again… */
  record: number;
  /** …unless there are more runs, stored or not. */
  records: number;
  /** Bytes of events that no dashboard has stored. From there on output is cut, and from twice as much on the oldest runs go. */
  unstoredBytes: number;
}

export const RETENTION: Retention = {
  events: 24 * hour,
  eventBytes: 256 * 1024 * 1024,
  record: 30 * 24 * hour,
  records: MOST_FINISHED_RUNS,
  unstoredBytes: 256 * 1024 * 1024,
};

/**
 * Removes what is no longer needed of finished runs. One that the dashboard has stored whole, or that a person did on the host itself,
 * goes by its age. Others stay, within bounds that are never reached where a dashboard stores what it asked for; the newest run
 * always stays whole.
 */
export async function pruneSpools(
  runnerDir: string,
  acknowledged: AcknowledgedSeqs["runs"],
  now: number,
  retention: Partial<Retention> = {},
): Promise<void> {
  const { events, eventBytes, record, records, unstoredBytes } = { ...RETENTION, ...retention };
  const layout = runnerLayout(runnerDir);
  const reader = createSpoolReader(runnerDir);
  let count = 0;
  let stored = 0;
  let unstored = 0;
  for (const runId of (await listRuns(runnerDir)).reverse()) {
    const run = layout.run(runId);
    const read = await readUntrustedJson(run.outcome, RunOutcome);
    if (read.kind !== "ok") continue;
    const isNewest = count++ === 0;
    if (count > records) {
      await removeRun(run);
      continue;
    }
    const age = now - read.value.endedAt;
    if ((acknowledged[runId] ?? 0) >= read.value.lastSeq || (await reader.isByHand(runId))) {
      if (age > record) {
        await removeRun(run);
        continue;
      }
      stored += await sizeOf(run.events);
      if (age > events || stored > eventBytes)
        await removeFiles(run, [run.events, run.activationOutput, run.permanentOutput, run.undoOutput]);
    } else {
      const size = await sizeOf(run.events);
      if (!isNewest && unstored + size > unstoredBytes && !(await exists(run.outputCut))) {
        await using cursor = reader.openEvents(runId, 0);
        await cutOutput(run, cursor).catch(ignoreDiskFull);
      }
      unstored += await sizeOf(run.events);
      if (!isNewest && unstored > 2 * unstoredBytes) await removeRun(run);
      // What it has built is nobody's to keep either.
      else if (age > events) await removeFiles(run, []);
    }
  }
}

/** Removes files of a run and its roots: what it built, and what ran before it, may be collected. */
async function removeFiles(run: RunLayout, paths: readonly string[]): Promise<void> {
  for (const path of [...paths, run.result, run.roots]) await rm(path, { recursive: true, force: true });
}

/** There is no room for the shorter copy: at twice the bound the runs go, which takes none. */
function ignoreDiskFull(error: unknown): void {
  if (!isDiskFull(error)) throw error;
}

const removeRun = (run: RunLayout) => rm(run.dir, { recursive: true, force: true });

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
