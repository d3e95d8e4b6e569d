import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** More than any file that is read here has: a closure comes from whoever may push to the config repository. Bytes. */
const MOST = 1024 * 1024;
const MOST_FILES = 200;

/** The text of a file of a closure, where it is a file of a usual size. A link that leads nowhere, or to a device, counts as not there. */
export async function readClosureFile(path: string): Promise<string | undefined> {
  try {
    // A link can lead to a pipe, which would be waited for; a masked unit is a link to /dev/null.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      return stats.isFile() && stats.size <= MOST ? await file.readFile("utf8") : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    return orNotThere(error, undefined);
  }
}

/**
 * The files of a directory of a closure's `etc`, by name. NixOS writes mode and owner of a file that is to be copied into files beside
 * it (`make-etc.sh` of nixpkgs): those are left out.
 */
export async function readClosureDirectory(path: string): Promise<Map<string, string>> {
  const names = await readdir(path).catch((error: unknown) => orNotThere(error, [] as string[]));
  const files = new Map<string, string>();
  for (const name of names.sort().slice(0, MOST_FILES)) {
    const stem = name.replace(/\.(?:mode|uid|gid)$/, "");
    if (stem !== name && names.includes(stem)) continue;
    const text = await readClosureFile(join(path, name));
    if (text !== undefined) files.set(name, text);
  }
  return files;
}

function orNotThere<T>(error: unknown, nothing: T): T {
  const { code } = error as NodeJS.ErrnoException;
  if (["ENOENT", "ENOTDIR", "EACCES", "EISDIR", "ELOOP", "ENXIO"].includes(code ?? "")) return nothing;
  throw error;
}
