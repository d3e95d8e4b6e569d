import { rm, stat } from "node:fs/promises";
import { runnerLayout } from "./layout.ts";
import { listRuns } from "./run-directories.ts";
import { type AcknowledgedSeqs, RequestRecord, RunOutcome } from "./shapes.ts";
import { readUntrustedJson } from "./untrusted-json.ts";

const hour = 3_600_000;

export interface Retention {
  /** Events of a run that the dashboard has stored are kept so long, in milliseconds… */
  events: number;
  /** …unless there are more bytes of them. */
  eventBytes: number;
  /** Request and outcome stay longer, so that the same request is known again. */
  record: number;
}

export const RETENTION: Retention = { events: 24 * hour, eventBytes: 256 * 1024 * 1024, record: 30 * 24 * hour };

/**
 * Removes what is no longer needed of finished runs that the dashboard has stored whole, or that a person did on the host itself.
 * Others are never touched.
 */
export async function pruneSpools(
  runnerDir: string,
  acknowledged: AcknowledgedSeqs["runs"],
  now: number,
  { events, eventBytes, record }: Retention = RETENTION,
): Promise<void> {
  const layout = runnerLayout(runnerDir);
  let bytes = 0;
  for (const runId of (await listRuns(runnerDir)).reverse()) {
    const run = layout.run(runId);
    const read = await readUntrustedJson(run.outcome, RunOutcome);
    if (read.kind !== "ok") continue;
    if ((acknowledged[runId] ?? 0) < read.value.lastSeq && !(await isByHand(run.request))) continue;
    const age = now - read.value.endedAt;
    if (age > record) {
      await rm(run.dir, { recursive: true, force: true });
      continue;
    }
    bytes += await sizeOf(run.events);
    if (age > events || bytes > eventBytes) {
      for (const path of [run.events, run.activationOutput, run.permanentOutput, run.undoOutput, run.result, run.roots])
        await rm(path, { recursive: true, force: true });
    }
  }
}

async function isByHand(path: string): Promise<boolean> {
  const request = await readUntrustedJson(path, RequestRecord);
  return request.kind === "ok" && request.value.byHand === true;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
