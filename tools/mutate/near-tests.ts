import { dirname } from "node:path";
import type { Mutant } from "./mutants.ts";
import type { Reached } from "./reach.ts";
import { type ReachPoint, reachPointOf } from "./reach-points.ts";
import type { TestFileRun } from "./test-runs.ts";

/** What is known of the tests before the first fault is put in. */
export interface Baseline {
  readonly points: readonly ReachPoint[];
  readonly reached: Reached;
  /** Test files that load a file, by the file. */
  readonly related: ReadonlyMap<string, readonly string[]>;
  /** How each test file ran; one that is missing does not count, as it fails by itself. */
  readonly runs: ReadonlyMap<string, TestFileRun>;
}

/** A test file that takes longer is not among those that are tried first. Milliseconds. */
const QUICK = 5_000;

/** Test files that can notice a mutant: the quick ones of its folder, which are to be tried first, and all others. */
export function testsOf(mutant: Mutant, { points, reached, related, runs }: Baseline): { near: string[]; far: string[] } {
  const part = reachPointOf(points, mutant);
  // What runs when the file is loaded is reached where the file is, or any part of it.
  const parts = part === undefined ? points.filter(({ file }) => file === mutant.file) : [part];
  const isUnknown = part !== undefined && reached.unknown.has(part.id);
  const candidates = [...runs.keys()].filter(
    (test) =>
      isUnknown ||
      (part === undefined && related.get(mutant.file)?.includes(test)) ||
      parts.some(({ id }) => reached.by.get(test)?.has(id)),
  );
  const isNear = (test: string) => dirname(test) === dirname(mutant.file) && (runs.get(test)?.duration ?? 0) < QUICK;
  return { near: candidates.filter(isNear), far: candidates.filter((test) => !isNear(test)) };
}
