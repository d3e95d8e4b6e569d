import type { Dirent, Stats } from "node:fs";
import { lstat, readdir, readFile, rm } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { messageOf } from "@nixfleet/runtime";
import { BOOT_MOUNTS } from "../disks.ts";
import { bootFiles } from "./closure-parts.ts";
import type { BootLeftover, Platform } from "./platform.ts";

const MAX_STATE_BYTES = 64 * 1024;

/**
 * What an installation of boot entries that was cut off, by a power cut for one, has left, and what makes a later one fail or
 * believe that its work is done. Each is something that the installer itself would have removed or replaced had it come to its end, so
 * that nothing is lost with it. `closures`: those that the boot menu offers.
 *
 * Held against the installers of nixpkgs: systemd-boot-builder.py (01378401 and 379460a0, which copied files in place until
 * nixpkgs#444960), install-grub.pl (f5271680, da00c340), refind-install.py (50543f9c). Nothing of the kind is left by
 * extlinux-conf-builder.sh (8ee7ca3f), limine-install.py (005fab24, 47e400a9) and Lanzaboote (f142433b): what they write under another name first
 * they write from its beginning, and look for nothing there.
 */
export async function findBootLeftovers(systemRoot: string, closures: readonly string[]): Promise<BootLeftover[]> {
  const found: BootLeftover[] = [];
  const copies = await listCopies(closures);
  for (const place of BOOT_MOUNTS.map((mount) => join(systemRoot, mount))) {
    found.push(
      ...(await newLoaderConf(place)),
      ...(await markersOfNothing(place)),
      ...(await partsOfCopies(place, copies)),
      ...(await unknownGrubState(place)),
      ...(await refindFiles(place)),
    );
  }
  // One partition can be seen at two of these places.
  return [...new Map(found.map((one) => [one.path, one])).values()];
}

/** Removes what is left, unless somebody else installs boot entries now: what they write is no leftover. */
export async function removeBootLeftovers(
  { bootLeftovers, activationInProgress }: Pick<Platform, "bootLeftovers" | "activationInProgress">,
  log: (message: string) => void,
): Promise<void> {
  try {
    const left = (await bootLeftovers?.()) ?? [];
    const other = left.length === 0 ? undefined : await activationInProgress();
    for (const { path, sentence } of left) {
      if (other === undefined) await rm(path, { recursive: true, force: true });
      log(other === undefined ? `${sentence} It was removed.` : `${sentence} It stays there, since ${other}.`);
    }
  } catch (error) {
    // The installer has the last word: it may work all the same, and says what it stumbles over.
    log(`What an earlier installation of boot entries may have left cannot be removed: ${messageOf(error)}`);
  }
}

/** systemd-boot: opened as a new file, so that each later installation ends with FileExistsError. */
async function newLoaderConf(place: string): Promise<BootLeftover[]> {
  const path = join(place, "loader/loader.tmp");
  if (!(await statOf(path))?.isFile()) return [];
  return [{ path, sentence: `An installation of boot entries was cut off and left ${path}, with which each later one fails.` }];
}

/**
 * systemd-boot: below this folder is an empty file for each extra file on the partition, and both are removed first, with the folders that are
 * empty then. A folder of which only this half is there makes each later installation end with FileNotFoundError.
 */
async function markersOfNothing(place: string): Promise<BootLeftover[]> {
  const markers = join(place, "EFI/nixos/.extra-files");
  const found: BootLeftover[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await entriesOf(folder)) {
      if (!entry.isDirectory()) continue;
      const path = join(folder, entry.name);
      if ((await statOf(join(place, relative(markers, path)))) !== undefined) await walk(path);
      else if (await holdsOnlyMarkers(path)) {
        const sentence = `An installation of boot entries was cut off and left ${path}, which names nothing that is there: each later one fails.`;
        found.push({ path, sentence });
      }
    }
  };
  await walk(markers);
  return found;
}

async function holdsOnlyMarkers(folder: string): Promise<boolean> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() ? !(await holdsOnlyMarkers(path)) : (await statOf(path))?.size !== 0) return false;
  }
  return true;
}

/** Kernels and initrds by the name that systemd-boot's installer gives their copies, with their sizes. */
async function listCopies(closures: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const copies = new Map<string, number>();
  for (const closure of new Set(closures)) {
    for (const [path, size] of await bootFiles(closure)) {
      const [file, folder] = [basename(path), basename(join(path, ".."))];
      copies.set(`${folder}-${file}.efi`, size);
    }
  }
  return copies;
}

/**
 * systemd-boot before NixOS 25.11: copied in place, and never again once the file is there, so that a later installation succeeds
 * with a kernel that does not boot. One that is shorter than what it is a copy of is not whole: secrets of an initrd are appended.
 */
async function partsOfCopies(place: string, copies: ReadonlyMap<string, number>): Promise<BootLeftover[]> {
  const found: BootLeftover[] = [];
  for (const entry of await entriesOf(join(place, "EFI/nixos"))) {
    const size = copies.get(entry.name);
    if (size === undefined) continue;
    const path = join(place, "EFI/nixos", entry.name);
    const stats = await statOf(path);
    if (!stats?.isFile() || stats.size >= size) continue;
    const sentence = `${path} is cut off: it has ${stats.size} of ${size} bytes, and no later installation of boot entries copies it again.`;
    found.push({ path, sentence });
  }
  return found;
}

/** GRUB: the sixth line of the state that it was installed in is JSON, and read before anything is looked at. Without the file GRUB is installed again. */
async function unknownGrubState(place: string): Promise<BootLeftover[]> {
  const path = join(place, "grub/state");
  const stats = await statOf(path);
  if (!stats?.isFile() || stats.size > MAX_STATE_BYTES) return [];
  const line = (await readFile(path, "utf8")).split("\n")[5] ?? "";
  if (line === "" || isJsonObject(line)) return [];
  return [{ path, sentence: `The state of GRUB in ${path} is damaged, so each installation of boot entries fails.` }];
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** rEFInd: its installer lists what is there, renames its temporary files, and ends with FileNotFoundError where it then removes one of them. */
async function refindFiles(place: string): Promise<BootLeftover[]> {
  const found: BootLeftover[] = [];
  for (const folder of ["efi/refind", "efi/boot"].map((name) => join(place, name))) {
    if (basename(folder) === "boot" && (await statOf(join(folder, "refind.conf"))) === undefined) continue;
    for (const entry of await entriesOf(folder, true)) {
      if (!entry.isFile() || !entry.name.endsWith(".tmp")) continue;
      const path = join(entry.parentPath, entry.name);
      found.push({
        path,
        sentence: `An installation of boot entries was cut off and left ${path}, with which the next one fails.`,
      });
    }
  }
  return found;
}

async function entriesOf(folder: string, recursive = false): Promise<Dirent[]> {
  return await readdir(folder, { withFileTypes: true, recursive }).catch(orNothing([]));
}

async function statOf(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(orNothing(undefined));
}

function orNothing<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return nothing;
    throw error;
  };
}
