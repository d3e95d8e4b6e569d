import { readdir } from "node:fs/promises";
import { RunId } from "@nixfleet/protocol";
import { runnerLayout } from "./layout.ts";

/** Finished runs that a host keeps, stored by the dashboard or not: so many acknowledgements have to be remembered, too. */
export const MOST_FINISHED_RUNS = 2000;

/** Ids of all runs that have a directory, oldest first. What is no directory of its own is no run, whatever its name. */
export async function listRuns(runnerDir: string): Promise<RunId[]> {
  try {
    const entries = await readdir(runnerLayout(runnerDir).runs, { withFileTypes: true });
    const ids = entries.flatMap((entry) => {
      const id = RunId.safeParse(entry.name);
      return id.success && entry.isDirectory() ? [id.data] : [];
    });
    return ids.sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
