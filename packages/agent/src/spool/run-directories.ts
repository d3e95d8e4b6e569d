import { RunId } from "@nixfleet/protocol";
import { listDirectory } from "./daemon-files.ts";
import { runnerLayout } from "./layout.ts";

/** Ids of all runs that have a directory, oldest first. */
export async function listRuns(runnerDir: string): Promise<RunId[]> {
  const names = await listDirectory(runnerLayout(runnerDir).runs);
  return names.flatMap((name) => {
    const id = RunId.safeParse(name);
    return id.success ? [id.data] : [];
  });
}
