import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Disk, machineDisk } from "./disk.ts";

/**
 * Writes a file so that a reader sees the old content or the new one, never part of it, also after a power loss: a temporary
 * file in the same directory, flushed, renamed over, and the directory flushed. Throws what the file system says (ENOSPC, …);
 * then the temporary file is gone and the old content stands, unless it was the directory that could not be flushed: then a reader
 * sees the new content, and a power loss may bring the old one back.
 */
export async function writeAtomic(
  path: string,
  data: string | Uint8Array,
  { mode = 0o600, disk = machineDisk }: { mode?: number; disk?: Disk } = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await disk.open(temporary, "wx", mode);
    try {
      await file.writeFile(data);
      await file.chmod(mode); // `open` takes the umask off; the mode is a promise to the other side.
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path), disk);
}

/** Flushes a directory's entries (new, renamed, removed names) to disk. */
export async function syncDirectory(path: string, disk: Disk = machineDisk): Promise<void> {
  const directory = await disk.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The same at once, for what is written without waiting. */
export function syncDirectoryNow(path: string, disk: Disk = machineDisk): void {
  const fd = disk.openSync(path, "r");
  try {
    disk.fsyncSync(fd);
  } finally {
    disk.closeSync(fd);
  }
}

/** Makes a directory and those above it that are missing. All of their names are on the disk when it returns. */
export async function makeDirectory(path: string, mode: number, disk: Disk = machineDisk): Promise<void> {
  const first = await disk.mkdir(path, { recursive: true, mode });
  // Its own name always: whoever made it before may have been killed before the flush.
  await syncDirectory(dirname(path), disk);
  for (let made = path; first !== undefined && made !== first && made !== dirname(made); made = dirname(made)) {
    await syncDirectory(dirname(dirname(made)), disk);
  }
}

export type StrangerRead =
  | { kind: "ok"; bytes: Buffer }
  | { kind: "missing" }
  | { kind: "refused"; reason: "not-a-regular-file" | "foreign" | "too-large" | "unreadable"; detail: string };

export interface StrangerFile {
  /** User id that it must belong to: a file of somebody else's was put there to be shown. Default: anybody's. */
  owner?: number | undefined;
  /** Most names that it may have. Default 1: a hard link could show what the party may not read itself. */
  names?: number;
}

/**
 * Reads a file that another party wrote and may be hostile: the last step of the path is not followed if it is a link, only a
 * regular file is read (a pipe would block), and never more than `maxBytes`, even while it grows. What stands in it is in no
 * answer but `ok`.
 */
export async function readStranger(
  path: string,
  maxBytes: number,
  { owner, names = 1 }: StrangerFile = {},
): Promise<StrangerRead> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "missing" };
    if (code === "ELOOP") return { kind: "refused", reason: "not-a-regular-file", detail: `${path} is a symbolic link` };
    if (code === "ENXIO") return { kind: "refused", reason: "not-a-regular-file", detail: `${path} is a socket` };
    if (code === "EACCES" || code === "EPERM") return { kind: "refused", reason: "unreadable", detail: `${path}: ${code}` };
    throw error;
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.nlink > names) {
      return { kind: "refused", reason: "not-a-regular-file", detail: `${path} is not a regular file with one name` };
    }
    if (owner !== undefined && stats.uid !== owner) {
      return { kind: "refused", reason: "foreign", detail: `${path} belongs to user ${stats.uid}, not to ${owner}` };
    }
    const tooLarge: StrangerRead = { kind: "refused", reason: "too-large", detail: `${path} is over ${maxBytes} bytes` };
    if (stats.size > maxBytes) return tooLarge;
    const buffer = Buffer.alloc(Math.min(maxBytes, stats.size + 4096) + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) return { kind: "ok", bytes: buffer.subarray(0, length) };
      length += bytesRead;
    }
    return tooLarge;
  } finally {
    await file.close();
  }
}
