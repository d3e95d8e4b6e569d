/**
 * Mutation testing: puts one small fault after another into a copy of the repository, and says which of them no test notices.
 * The faults are in the files or folders that are named. Tests run that load these files, by `--tests` also others that start
 * programs which do, each for the faults in code that it reaches. `--near` leaves out all but the tests of the same folders.
 * Exit code 0 when it could run, whatever survived. `test-results/mutation.json` has every mutant.
 */
import { globSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type AcceptedMutants, acceptanceOf, findStale } from "./accepted.ts";
import { findMutants } from "./mutants.ts";
import { testsOf } from "./near-tests.ts";
import { describeMutant, type Result, report, shuffle } from "./report.ts";
import { judgeMutant, takeBaseline } from "./session.ts";
import { createTestRuns } from "./test-runs.ts";
import { copyTree } from "./tree.ts";

const repository = resolve(import.meta.dirname, "../..");
const log = (line: string) => console.log(line);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    tests: { type: "string", multiple: true, default: [] },
    near: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`MINUTES must be a number above 0, not ${values.minutes}`);

/** Paths from the root of all TypeScript that is named, by itself or by its folder. */
function filesIn(paths: readonly string[]): string[] {
  return paths
    .map((path) => relative(repository, resolve(path)))
    .flatMap((path) =>
      statSync(resolve(repository, path)).isDirectory() ? globSync(`${path}/**/*.{ts,tsx}`, { cwd: repository }) : [path],
    )
    .sort();
}

/** No tests, and nothing that is only there for tests. */
const isCode = (file: string) => /\.tsx?$/.test(file) && !/\.(test|fixture|d)\.tsx?$/.test(file);
const isTest = (file: string) => /\.test\.tsx?$/.test(file);

const sources = new Map(
  filesIn(positionals)
    .filter(isCode)
    .map((file) => [file, readFileSync(resolve(repository, file), "utf8")]),
);
const files = new Map([...sources].map(([file, source]) => [file, { source, mutants: findMutants(file, source) }]));
const mutants = [...files.values()].flatMap(({ mutants: own }) => own);
if (mutants.length === 0) throw new Error("Nothing to mutate. Name files or folders: make mutate FILES=packages/agent/src/ship");
const accepted = JSON.parse(readFileSync(resolve(import.meta.dirname, "accepted.json"), "utf8")) as AcceptedMutants;
log(`${mutants.length} mutants in ${sources.size} files, for at most ${minutes} minutes`);

const abort = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => abort.abort());
const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(Math.ceil(minutes * 60_000))]);

await using tree = await copyTree(repository);
using runs = createTestRuns(tree, signal);
const deps = { tree, runs, log };
const baseline = await takeBaseline(deps, {
  sources,
  moreTests: filesIn([...positionals, ...values.tests]).filter(isTest),
  nearOnly: values.near,
});
const results: Result[] = [];
if (baseline !== undefined) {
  log(
    `the tests take ${Math.round([...baseline.runs.values()].reduce((sum, { duration }) => sum + duration, 0) / 1000)} s one after another`,
  );
  // Those that cost nothing first: the time is for the others.
  const isFree = (mutant: (typeof mutants)[number]) =>
    Object.values(testsOf(mutant, baseline)).every((tests) => tests.length === 0);
  const order = shuffle(mutants, Number(values.seed));
  for (const mutant of [...order.filter(isFree), ...order.filter((each) => !isFree(each))]) {
    const source = sources.get(mutant.file) ?? "";
    const verdict = signal.aborted
      ? ({ kind: "untried" } as const)
      : await judgeMutant(deps, { mutant, source, baseline, accepted });
    results.push({ mutant, verdict });
    const by = "by" in verdict ? ` by ${verdict.by}` : "";
    if (verdict.kind !== "untried") log(`${results.length}/${mutants.length} ${verdict.kind}${by}  ${describeMutant(mutant)}`);
  }
}

const folder = resolve(repository, "test-results");
mkdirSync(folder, { recursive: true });
const json = results.map(({ mutant, verdict }) => ({
  file: mutant.file,
  line: mutant.line,
  ...acceptanceOf(mutant, sources.get(mutant.file) ?? ""),
  verdict,
}));
writeFileSync(resolve(folder, "mutation.json"), `${JSON.stringify(json, null, 2)}\n`);
log("");
for (const line of report(results)) log(line);
for (const { file, entry } of findStale(accepted, files)) log(`accepted.json: no longer in ${file}: ${entry.in}`);
if (baseline === undefined) {
  log("There was no time for the tests without a fault: give more MINUTES.");
  process.exitCode = 1;
}
