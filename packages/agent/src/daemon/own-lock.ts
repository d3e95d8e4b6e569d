import { isDiskFull, type Lock, type LockResult, lockOwner, takeLock } from "@nixfleet/runtime";

/**
 * Takes the lock by which one daemon acts for a host. A full disk has no room for it and must not keep the host from its link: then
 * it is enough that no living process has it.
 */
export async function takeOwnLock(
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
