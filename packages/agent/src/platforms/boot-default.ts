import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BOOT_MOUNTS } from "../disks.ts";

/**
 * The closure that systemd-boot starts unless somebody chooses another entry: `default` of `loader.conf` names the entry, whose
 * options name the closure's `init` (systemd-boot-builder.py of nixpkgs as of July 2026; loader.conf(5)). Undefined: it cannot be
 * seen, as with another boot loader, with a default that is a pattern, or without the right to read the partition.
 */
export async function bootDefault(systemRoot: string): Promise<string | undefined> {
  const places = BOOT_MOUNTS.map((place) => join(systemRoot, place, "loader"));
  for (const place of places) {
    const settings = await textOf(join(place, "loader.conf"));
    const name = settings === undefined ? undefined : /^default[ \t]+(\S+)[ \t]*$/m.exec(settings)?.[1];
    if (name === undefined) continue;
    for (const entries of new Set([place, ...places])) {
      const entry = await readEntry(join(entries, "entries"), name);
      const init = entry === undefined ? undefined : /^options[ \t](?:.*[ \t])?init=(\S+)/m.exec(entry)?.[1];
      if (init !== undefined) return dirname(init);
    }
  }
  return undefined;
}

/** An entry by its name, or as boot counting names it: `nixos-generation-7+2-1.conf`. */
async function readEntry(directory: string, name: string): Promise<string | undefined> {
  const exact = await textOf(join(directory, name));
  if (exact !== undefined) return exact;
  const stem = name.replace(/\.conf$/, "");
  const counted = (await namesIn(directory)).find(
    (one) => one.startsWith(`${stem}+`) && /^\+\d+(-\d+)?\.conf$/.test(one.slice(stem.length)),
  );
  return counted === undefined ? undefined : textOf(join(directory, counted));
}

async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch(orNothing([]));
}

async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(orNothing(undefined));
}

/** What is not there, or not for this user to read, is not seen. */
function orNothing<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (["ENOENT", "ENOTDIR", "EACCES", "EISDIR", "EPERM"].includes(error.code ?? "")) return nothing;
    throw error;
  };
}
