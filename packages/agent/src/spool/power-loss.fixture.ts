import type { FaultyDisk, Survival } from "@nixfleet/testkit";
import * as fc from "fast-check";

const SURVIVALS = ["lost", "kept", "torn", "zeroed"] as const satisfies readonly Survival[];

/**
 * Loses power between all operations that a disk has seen, and looks at what is left below `root` then: with all that was not
 * flushed lost, kept, torn or zeroed, and with mixtures of these. `at` is how many operations there had been.
 */
export async function atEveryPowerLoss(
  disk: FaultyDisk,
  look: (found: { root: string; at: number }) => Promise<void>,
): Promise<void> {
  const lookAt = async (at: number, survival: () => Survival, how: string) => {
    await using dir = await disk.afterPowerLoss(at, survival);
    try {
      await look({ root: dir.path, at });
    } catch (error) {
      const last = disk.operations[at - 1];
      const when = last === undefined ? "before the first operation" : `after operation ${at}, ${last.kind} ${last.path}`;
      throw new Error(`power was lost ${when}; what was not flushed: ${how}`, { cause: error });
    }
  };
  for (let at = 0; at <= disk.operations.length; at++) {
    for (const survival of SURVIVALS) await lookAt(at, () => survival, survival);
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(disk.operations.length), fc.infiniteStream(fc.constantFrom(...SURVIVALS)), (at, stream) =>
      lookAt(at, () => stream.next().value ?? "lost", "a mixture"),
    ),
    { numRuns: 50 },
  );
}

/** What was promised, and after how many operations. */
export function createPromises<T>(disk: FaultyDisk): { made(what: T): void; until(at: number): T[] } {
  const promises: { at: number; what: T }[] = [];
  return {
    made: (what) => void promises.push({ at: disk.operations.length, what }),
    until: (at) => promises.filter((promise) => promise.at <= at).map(({ what }) => what),
  };
}
