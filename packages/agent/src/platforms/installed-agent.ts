import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const MAX_FILES = 20;

/**
 * The text of the files of a closure by which it installs this agent, in the order of their names; undefined if it has none.
 * A link that leads nowhere counts as not there.
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
    try {
      texts.push(`# ${name}\n${await readFile(join(directory, name), "utf8")}\n`);
    } catch (error) {
      if (!isNotThere(error)) throw error;
    }
  }
  return texts.length === 0 ? undefined : texts.join("");
}

/**
 * The store path of the agent that service files start: the one whose program they name, in `ExecStart=` of systemd or in
 * `ProgramArguments` of launchd, there perhaps behind a shell that waits for the store.
 */
export function installedPathOf(serviceFiles: string): string | undefined {
  for (const { index, 1: name = "" } of serviceFiles.matchAll(AGENT_PROGRAM)) {
    let start = index;
    while (start > 0 && index - start < LONGEST_STORE && !AROUND_PATH.test(serviceFiles.charAt(start - 1))) start--;
    const before = serviceFiles.slice(start, index);
    const path = before.slice(before.indexOf("/"));
    if (path.startsWith("/") && path.endsWith("store/")) return `${path}${name}`;
  }
  return undefined;
}

/** The program of an agent, and the name of its store path before it: a hash and a name of at most 211 characters. */
const AGENT_PROGRAM = /([0-9a-df-np-sv-z]{32}-[^\s"'<>/]{1,211})\/bin\/nixfleet-agent(?![\w-])/g;
/** Ends what may be a path. */
const AROUND_PATH = /[\s"'<>=&;]/;
/** Longest path of a store, in characters (PATH_MAX). */
const LONGEST_STORE = 4096;

function isNotThere(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "EISDIR";
}
