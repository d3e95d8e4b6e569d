import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { type AcceptedMutants, findAccepted } from "./accepted.ts";
import { applyMutant, type Mutant } from "./mutants.ts";
import { type Baseline, countNoticed, testsOf } from "./near-tests.ts";
import { readReached } from "./reach.ts";
import { findReachPoints, instrument, type ReachPoint } from "./reach-points.ts";
import type { Verdict } from "./report.ts";
import type { TestRuns } from "./test-runs.ts";
import type { Tree } from "./tree.ts";

/** Longest time for all tests together without a fault. Milliseconds. */
const BASELINE_LIMIT = 30 * 60_000;
/** What is added to four times the usual time of the tests, for a server that hangs itself. Milliseconds. */
const PATIENCE = 60_000;

export interface SessionDeps {
  tree: Tree;
  runs: TestRuns;
  log(line: string): void;
}

export interface Selection {
  /** Text of the files that get the faults, by path. */
  readonly sources: ReadonlyMap<string, string>;
  /** Test files that may notice, beside those that load these files. */
  readonly moreTests: readonly string[];
  /** Only tests of the folders of these files count. */
  readonly nearOnly: boolean;
}

/** Runs the tests without a fault, and sees which of them reach what. Undefined: there was no time for it. */
export async function takeBaseline(
  { tree, runs, log }: SessionDeps,
  { sources, moreTests, nearOnly }: Selection,
): Promise<Baseline | undefined> {
  const related = new Map<string, readonly string[]>();
  const points: ReachPoint[] = [];
  const folder = join(tree.root, "..", "reached");
  await mkdir(folder);
  const recorder = { module: join(tree.root, "tools/mutate/reach.ts"), folder };
  for (const [file, source] of sources) {
    related.set(file, await runs.relatedTo(file));
    const own = findReachPoints(file, source, points.length);
    points.push(...own);
    await tree.write(file, instrument(source, own, recorder));
  }
  const folders = new Set([...sources.keys()].map((file) => dirname(file)));
  const tests = [...new Set([...[...related.values()].flat(), ...moreTests])].filter(
    (test) => !nearOnly || folders.has(dirname(test)),
  );
  if (tests.length === 0) throw new Error("No test loads any of these files. Name some that start programs which do: TESTS=…");
  log(`${tests.length} test files may notice; they run once without a fault …`);
  const ran = await runs.run(tests, { reached: folder, limit: BASELINE_LIMIT });
  for (const file of sources.keys()) await tree.write(file);
  if (ran === undefined) return undefined;

  const red = [...ran].filter(([, { passed }]) => !passed).map(([test]) => test);
  const again = red.length === 0 ? new Map() : await runs.run(red, { limit: BASELINE_LIMIT });
  if (again === undefined) return undefined;
  const failing = red.filter((test) => again.get(test)?.passed !== true);
  for (const test of failing) log(`left out, as it fails without any fault: ${test}`);

  const { by, unknown } = readReached(folder);
  const all = new Set(points.map(({ id }) => id));
  const reachedBy = new Map([...by].map(([test, parts]) => [relative(tree.root, test), parts]));
  // What it did before it failed is not all that it does.
  for (const test of red) reachedBy.set(test, all);
  return {
    points,
    related,
    reached: { by: reachedBy, unknown },
    runs: new Map([...ran].filter(([test]) => !failing.includes(test))),
    noticed: new Map(),
  };
}

/** Puts a fault into the copy, sees what notices it, and takes it out again. */
export async function judgeMutant(
  { tree, runs }: SessionDeps,
  { mutant, source, baseline, accepted }: { mutant: Mutant; source: string; baseline: Baseline; accepted: AcceptedMutants },
): Promise<Verdict> {
  if (findAccepted(accepted, mutant, source) !== undefined) return { kind: "accepted" };
  const { near, far } = testsOf(mutant, baseline);
  if (near.length + far.length === 0) return { kind: "unreached" };

  const tryOut = async (tests: readonly string[]): Promise<Verdict> => {
    if (tests.length === 0) return { kind: "survived" };
    const usual = new Map(tests.flatMap((test) => [...baseline.runs].filter(([name]) => name === test)));
    const limit = [...usual.values()].reduce((sum, { duration }) => sum + 4 * duration, PATIENCE);
    const end = await runs.tryOut(usual, limit);
    if (end.kind === "aborted") return { kind: "untried" };
    if (end.kind === "passed") return { kind: "survived" };
    if (end.kind === "timed-out") return { kind: "killed", by: "time limit" };
    if (end.kind === "failed" && end.by !== undefined) countNoticed(baseline, mutant, end.by);
    return { kind: "killed", by: "test" };
  };
  const checkTypes = async (): Promise<Verdict> => {
    const end = await runs.checkTypes(mutant.file);
    if (end.kind === "aborted") return { kind: "untried" };
    return end.kind === "exited" && end.code !== 0 ? { kind: "killed", by: "types" } : { kind: "survived" };
  };

  await tree.write(mutant.file, applyMutant(source, mutant));
  try {
    // In the order of what they cost.
    for (const step of [() => tryOut(near), checkTypes, () => tryOut(far)]) {
      const verdict = await step();
      if (verdict.kind !== "survived") return verdict;
    }
    return { kind: "survived" };
  } finally {
    await tree.write(mutant.file);
  }
}
