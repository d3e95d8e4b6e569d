import { dirname } from "node:path";
import type { Mutant } from "./mutants.ts";
import type { Reached } from "./reach.ts";
import { type ReachPoint, reachPointOf } from "./reach-points.ts";
import type { TestFileRun } from "./test-server.ts";

/** What is known of the tests before the first fault is put in. */
export interface Baseline {
  readonly points: readonly ReachPoint[];
  readonly reached: Reached;
  /** Test files that load a file, by the file. */
  readonly related: ReadonlyMap<string, readonly string[]>;
  /** How each test file ran; one that is missing does not count, as it fails by itself. */
  readonly runs: ReadonlyMap<string, TestFileRun>;
  /** How many faults of a file each test file has noticed so far, by the file. */
  readonly noticed: Map<string, Map<string, number>>;
}

/** A test file has noticed this mutant: it is tried earlier with the next ones of the same file. */
export function countNoticed({ noticed }: Baseline, { file }: Mutant, test: string): void {
  const ofFile = noticed.get(file) ?? new Map<string, number>();
  noticed.set(file, ofFile.set(test, (ofFile.get(test) ?? 0) + 1));
}

/** The test files that are tried first take no longer than this together: to check the types costs as much. Milliseconds. */
const QUICK = 2_000;

/**
 * Test files that can notice a mutant: the quick ones of its folder, which are to be tried first, and all others. Of each, first
 * those that are likely to notice soonest.
 */
export function testsOf(
  mutant: Mutant,
  { points, reached, related, runs, noticed }: Baseline,
): { near: string[]; far: string[] } {
  const part = reachPointOf(points, mutant);
  // What runs when the file is loaded is reached where the file is, or any part of it.
  const parts = part === undefined ? points.filter(({ file }) => file === mutant.file) : [part];
  const isUnknown = part !== undefined && reached.unknown.has(part.id);
  const duration = (test: string) => runs.get(test)?.duration ?? 0;
  const candidates = [...runs.keys()].filter(
    (test) =>
      isUnknown ||
      (part === undefined && related.get(mutant.file)?.includes(test)) ||
      parts.some(({ id }) => reached.by.get(test)?.has(id)),
  );
  const cost = (test: string) => duration(test) / (1 + (noticed.get(mutant.file)?.get(test) ?? 0));
  candidates.sort((a, b) => cost(a) - cost(b));
  let sum = 0;
  const ofFolder = candidates.filter((test) => dirname(test) === dirname(mutant.file));
  const near = ofFolder.filter((test) => {
    sum += duration(test);
    return sum <= QUICK;
  });
  return { near, far: candidates.filter((test) => !near.includes(test)) };
}
