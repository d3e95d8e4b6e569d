import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Metrics } from "@nixfleet/protocol";

/** Where NixOS mounts the EFI system partition, and the one that holds kernels. */
export const BOOT_MOUNTS = ["/boot", "/efi", "/boot/efi"] as const;

export interface DiskDeps {
  /** Number of the file system that a path is on. */
  device: (path: string) => Promise<number>;
  /** As statvfs(3), in blocks. */
  statfs: (path: string) => Promise<{ bsize: number; blocks: number; bfree: number; bavail: number }>;
}

export const systemDisks: DiskDeps = { device: async (path) => (await stat(path)).dev, statfs };

/**
 * Use of the file systems under the given mount points, each file system once, by the first path that is on it. Total is what
 * could be used at all, as df(1) counts: what is reserved for root is neither used nor free. A path that is not there is left out.
 */
export async function readDisks(
  mounts: readonly string[] = ["/", "/nix", ...BOOT_MOUNTS],
  deps: DiskDeps = systemDisks,
): Promise<NonNullable<Metrics["disks"]>> {
  const disks: NonNullable<Metrics["disks"]> = [];
  const seen = new Set<number>();
  for (const mount of mounts) {
    try {
      const device = await deps.device(mount);
      if (seen.has(device)) continue;
      const { bsize, blocks, bfree, bavail } = await deps.statfs(mount);
      if (blocks === 0) continue;
      seen.add(device);
      const used = (blocks - bfree) * bsize;
      disks.push({ mount, used, total: used + bavail * bsize });
    } catch {
      // Not there, not mounted now, or hidden by a sandbox: it is absent (R24).
    }
  }
  return disks;
}

/** Types of file systems that live in memory, statfs(2): tmpfs and ramfs. */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);

/** Whether what is written below a path is gone after a reboot; what is not there yet will be where its nearest directory is. */
export async function isInMemory(path: string, typeOf = fileSystemType): Promise<boolean> {
  if (process.platform !== "linux") return false;
  for (let place = path; ; place = dirname(place)) {
    const type = await typeOf(place);
    if (type !== undefined || place === "/") return type !== undefined && IN_MEMORY.has(type);
  }
}

/** Undefined: not there, or not to be seen. */
async function fileSystemType(path: string): Promise<number | undefined> {
  return await statfs(path).then(
    ({ type }) => type,
    () => undefined,
  );
}

/** Bytes that a program without privilege can still write below a path. */
export async function freeBytes(path: string, deps: Pick<DiskDeps, "statfs"> = systemDisks): Promise<number> {
  const { bsize, bavail } = await deps.statfs(path);
  return bavail * bsize;
}
