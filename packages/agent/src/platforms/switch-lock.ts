import { readFile, stat } from "node:fs/promises";

/**
 * The process that holds a flock(2) on a file, from /proc/locks (proc_locks(5)): taking the lock to find out would keep another
 * from taking it. Undefined: nobody does, or it is not known.
 */
export async function flockHolder(path: string, locks = "/proc/locks"): Promise<number | undefined> {
  try {
    const { dev, ino } = await stat(path);
    return findHolder(await readFile(locks, "utf8"), dev, ino);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Finds who holds a lock in lines such as `1: FLOCK  ADVISORY  WRITE 712 00:19:1184 0 EOF`; those that wait have an arrow. */
export function findHolder(text: string, dev: number, inode: number): number | undefined {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  // As glibc's gnu_dev_major and gnu_dev_minor part a device number (makedev(3)).
  const major = Math.floor(dev / 2 ** 32) * 0x1000 + ((dev >>> 8) & 0xfff);
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const file = `${hex(major)}:${hex(minor)}:${inode}`;
  for (const line of text.split("\n")) {
    const match = /^\d+: FLOCK\s+\S+\s+\S+\s+(\d+)\s+(\S+)/.exec(line);
    if (match?.[2] === file) return Number(match[1]);
  }
  return undefined;
}
