import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Lock, takeLock } from "@nixfleet/runtime";
import { offlineNixConfig } from "@nixfleet/testkit";
import { fillRoot } from "./debian-root.ts";
import { HOST_KIND_NAMES, type HostKind } from "./host-kinds.ts";
import { run, unmountBelow } from "./machine.ts";
import type { Places } from "./places.ts";

export interface RootFilesystemDeps {
  places: Pick<Places, "roots" | "labs">;
  /** The directory of the lab that overlays hosts on it. The root file system stays for as long as that is there. None: nobody does yet. */
  labDirectory?: string;
  say: (sentence: string) => void;
  /** Fills an empty directory with the root file system. */
  fill?: (root: string, kind: HostKind) => Promise<void>;
}

/** Where a lab says which root file systems its hosts are overlaid on. */
const USES = "uses";

/**
 * The root file system that hosts of a kind are overlaid on. It is made once, for a minute or two, by whoever asks first, and
 * kept named after what it was made of; one that was made of something else is removed once no lab uses it. A maker that is
 * killed leaves nothing that anybody would take for whole.
 */
export async function openRootFilesystem(kind: HostKind, deps: RootFilesystemDeps): Promise<string> {
  const { places, labDirectory, say, fill = fillRoot } = deps;
  const name = await nameOf(kind);
  const root = join(places.roots, name);
  await mkdir(places.roots, { recursive: true });
  {
    await using _uses = await waitForLock(join(places.roots, "uses.lock"));
    if (labDirectory !== undefined) {
      await mkdir(join(labDirectory, USES), { recursive: true });
      await writeFile(join(labDirectory, USES, name), "");
    }
    await mkdir(places.labs, { recursive: true });
    await removeUnused(places);
  }
  await using _maker = await waitForLock(makerLock(root));
  if (!existsSync(root)) {
    say(`Making the root file system of ${kind} hosts: once, for a minute or two.`);
    await make(root, (directory) => fill(directory, kind));
  }
  return root;
}

/** Kind, and a hash of all that it is made of. */
async function nameOf(kind: HostKind): Promise<string> {
  const recipe = await readFile(resolve(import.meta.dirname, "debian-root.ts"), "utf8");
  const made = [recipe, process.version, process.arch, offlineNixConfig].join("\0");
  return `${kind}-${createHash("sha256").update(made).digest("hex").slice(0, 16)}`;
}

const makerLock = (root: string) => `${root}.lock`;

async function waitForLock(path: string): Promise<Lock> {
  for (;;) {
    const taken = await takeLock(path);
    if (taken.ok) return taken.lock;
    await sleep(100);
  }
}

/**
 * Removes what was made of something else and has no user, and what was left half made or half removed. Labs that are dead have
 * no directory any more (`claims.ts`), so they use nothing.
 */
async function removeUnused({ roots, labs }: RootFilesystemDeps["places"]): Promise<void> {
  const wanted = new Set(await Promise.all(HOST_KIND_NAMES.map(nameOf)));
  for (const lab of await readdir(labs)) for (const name of await readUses(join(labs, lab, USES))) wanted.add(name);
  for (const entry of await readdir(roots, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(roots, entry.name);
    const isHalf = /\.(making|removing)$/.test(entry.name);
    if (!isHalf && wanted.has(entry.name)) continue;
    // Whoever has the lock is still at it.
    const taken = await takeLock(makerLock(path.replace(/\.(making|removing)$/, "")));
    if (!taken.ok) continue;
    await using _maker = taken.lock;
    // Renamed first: what is removed in part must not look whole to anybody.
    const removing = isHalf ? path : `${path}.removing`;
    if (!isHalf) await rename(path, removing);
    await unmountBelow(removing);
    await rm(removing, { recursive: true, force: true });
  }
}

async function readUses(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // The lab has no hosts yet, or has just ended.
    throw error;
  }
}

/** Made in a directory of its own and renamed when whole. In an overlay without flushes, which take most of the time otherwise. */
async function make(root: string, fill: (directory: string) => Promise<void>): Promise<void> {
  const making = `${root}.making`;
  // Whoever has left one is dead: we hold the lock.
  await unmountBelow(making);
  await rm(making, { recursive: true, force: true });
  const merged = join(making, "merged");
  for (const name of ["empty", "upper", "work", "merged"]) await mkdir(join(making, name), { recursive: true });
  const layers = `volatile,lowerdir=${making}/empty,upperdir=${making}/upper,workdir=${making}/work`;
  await run(["mount", "-t", "overlay", "overlay", "-o", layers, merged]);
  try {
    await fill(merged);
  } finally {
    await unmountBelow(making);
  }
  await chmod(join(making, "upper"), 0o755);
  await run(["sync", "--file-system", making]);
  await rename(join(making, "upper"), root);
  await rm(making, { recursive: true, force: true });
}
