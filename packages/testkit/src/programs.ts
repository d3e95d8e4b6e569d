import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Where a program is, by PATH and the places of system programs; nothing if this machine has it not. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"].filter(
    (folder) => folder !== "",
  );
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false; // Not there, or not to be run by us: the next folder may have it.
      }
    });
}

/** Whether this machine can build for real: `test.runIf(hasNix)`. */
export const hasNix = findProgram("nix") !== undefined;
