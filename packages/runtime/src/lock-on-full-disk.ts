import { isDiskFull } from "./errors.ts";
import { type Lock, type LockResult, lockOwner, takeLock } from "./lock.ts";

/**
 * Takes the lock of a program that must start although its disk is full, which has no room for the lock: then it is enough that no
 * living process has it. `onUnlocked` is told why there is none.
 */
export async function takeLockOnFullDisk(
  path: string,
  onUnlocked: (error: Error) => void,
  take: (path: string) => Promise<LockResult> = takeLock,
): Promise<LockResult> {
  try {
    return await take(path);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    const owner = await lockOwner(path);
    if (owner !== undefined) return { ok: false, owner };
    onUnlocked(error as Error);
    return { ok: true, lock: nothing };
  }
}

const nothing: Lock = { release: async () => {}, [Symbol.asyncDispose]: async () => {} };
