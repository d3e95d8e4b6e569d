import { constants } from "node:fs";
import { lstat, opendir, rename, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readStranger, type StrangerRead } from "./atomic-file.ts";
import { type Disk, type DiskFile, machineDisk } from "./disk.ts";

/** Most entries that are looked at. Whoever puts more there harms nobody but itself. */
const MOST_ENTRIES = 10_000;

/** What became of an entry that was to go. `left`: it cannot be removed without touching what is in it. */
export type Removal = "removed" | "missing" | "left";

/**
 * A directory that another party owns and may exchange for something else at any moment. All that is done goes to the directory
 * that was opened, whatever stands at its path by then.
 */
export interface StrangerDirectory extends AsyncDisposable {
  /** Names in it, sorted. */
  list(): Promise<string[]>;
  /** Whether there is an entry of that name, of whatever kind. */
  has(name: string): Promise<boolean>;
  /** As `readStranger`: a file that belongs to whom the directory belongs to. */
  read(name: string, maxBytes: number): Promise<StrangerRead>;
  /** Removes one entry: never what is inside of it, or what it leads to. On the disk when it returns. */
  remove(name: string): Promise<Removal>;
  /** Moves an entry, whatever it is, to a path whose directory is to be trusted. False: that cannot be. */
  moveOut(name: string, to: string): Promise<boolean>;
}

export type StrangerDirectoryOpened =
  | { kind: "ok"; directory: StrangerDirectory }
  | { kind: "missing" }
  /** It is a link or no directory, or it belongs to another user than the directory it lies in. */
  | { kind: "refused"; detail: string };

/**
 * Opens a directory without following a link in the last step of its path; the steps before are the caller's to trust.
 *
 * On Linux every step below goes through the open directory itself (proc(5), /proc/<pid>/fd). macOS has no such way for a Node
 * program: there it is looked each time whether the path still names the opened directory. Between that look and the call the
 * other party can exchange it. What it could gain is one entry of a name that it chose read by the same rules, unlinked if it is
 * a file, or removed if it is an empty directory.
 */
export async function openStrangerDirectory(path: string, disk: Disk = machineDisk): Promise<StrangerDirectoryOpened> {
  let handle: DiskFile;
  try {
    handle = await disk.open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { kind: "missing" };
    if (code === "ELOOP" || code === "ENOTDIR") return { kind: "refused", detail: `${path} is no directory of its own` };
    if (code === "EACCES" || code === "EPERM") return { kind: "refused", detail: `${path}: ${code}` };
    throw error;
  }
  try {
    const { uid } = await handle.stat();
    const around = await stat(dirname(path));
    if (uid === around.uid) return { kind: "ok", directory: createDirectory(handle, path, uid, disk) };
    await handle.close();
    return { kind: "refused", detail: `${path} belongs to user ${uid}, and the directory around it to user ${around.uid}` };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function createDirectory(handle: DiskFile, path: string, owner: number, disk: Disk): StrangerDirectory {
  const isLinux = process.platform === "linux";
  const base = isLinux ? `/proc/self/fd/${handle.fd}` : path;
  const reach = async (name: string): Promise<string> => {
    if (name === "" || name === "." || name === ".." || name.includes("/"))
      throw new Error(`not a name: ${JSON.stringify(name)}`);
    if (!isLinux) await expectSame();
    return join(base, name);
  };
  const expectSame = async () => {
    const [opened, there] = await Promise.all([handle.stat(), lstat(path)]);
    if (opened.dev !== there.dev || opened.ino !== there.ino) throw new Error(`${path} was exchanged for another`);
  };

  return {
    async list() {
      if (!isLinux) await expectSame();
      const names: string[] = [];
      for await (const { name } of await opendir(base)) {
        names.push(name);
        if (names.length === MOST_ENTRIES) break;
      }
      return names.sort();
    },
    async has(name) {
      try {
        await lstat(await reach(name));
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
        throw error;
      }
    },
    read: async (name, maxBytes) => {
      const read = await readStranger(await reach(name), maxBytes, { owner });
      return read.kind === "refused" ? { ...read, detail: read.detail.replace(base, path) } : read;
    },
    async remove(name) {
      const at = await reach(name);
      const removal = await removeEntry(at, disk);
      if (removal === "removed") await handle.sync();
      return removal;
    },
    async moveOut(name, to) {
      try {
        await rename(await reach(name), to);
        await handle.sync();
        return true;
      } catch {
        return false; // Another file system, or something of that name in the way: it stays.
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function removeEntry(path: string, disk: Disk): Promise<Removal> {
  try {
    await disk.unlink(path);
    return "removed";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "missing";
    // Linux says EISDIR for a directory, POSIX and macOS EPERM.
    if (code !== "EISDIR" && code !== "EPERM") return "left";
  }
  try {
    await rmdir(path);
    return "removed";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "missing" : "left";
  }
}
