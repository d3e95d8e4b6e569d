import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { findStorePath } from "../find-store-path.ts";
import { readClosureFile } from "../lock-out/closure-files.ts";

const MAX_FILES = 20;

/**
 * The text of the files of a closure by which it installs this agent, in the order of their names; undefined if it has none.
 * A link that leads nowhere, or to no file of a usual size, counts as not there.
 */
export async function readServiceFiles(directory: string, isOurs: (name: string) => boolean): Promise<string | undefined> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (isNotThere(error)) return undefined;
    throw error;
  }
  const texts: string[] = [];
  for (const name of names.filter(isOurs).sort().slice(0, MAX_FILES)) {
    const text = await readClosureFile(join(directory, name));
    if (text !== undefined) texts.push(`# ${name}\n${text}\n`);
  }
  return texts.length === 0 ? undefined : texts.join("");
}

/**
 * The store path of the agent that service files start: the one whose program they name, in `ExecStart=` of systemd or in
 * `ProgramArguments` of launchd, there perhaps behind a shell that waits for the store.
 */
export function installedPathOf(serviceFiles: string): string | undefined {
  const program = "/bin/nixfleet-agent";
  const path = findStorePath(serviceFiles, { name: `[^\\s"'<>/]+${program}(?![\\w-])` });
  return path?.slice(0, -program.length);
}

function isNotThere(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "EISDIR";
}
