/**
 * Runs tests of the repository in whose root it is started, as its parent asks, one request after another. One vitest does all of
 * them, so that a file is transformed again only after it has changed. Each run has processes of its own, and nothing that it
 * starts outlives it.
 */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createVitest, type Reporter, type TestModule } from "vitest/node";
import { killProgramsIn } from "./program.ts";

export type TestRequest =
  /** Test files that load a file, themselves or by what they import; paths from the root. */
  | { readonly kind: "related"; readonly file: string }
  /** All tests of the files. What they reach is recorded in the folder. */
  | { readonly kind: "all"; readonly testFiles: readonly string[]; readonly reached?: string | undefined }
  /** The files in their order, until a test fails, or a step takes much longer than usual. */
  | { readonly kind: "trial"; readonly testFiles: readonly string[]; readonly usual: Steps };

/** Milliseconds that each step takes without a fault: a test, or to load a file. By its id in vitest. */
export type Steps = Readonly<Record<string, number>>;

export interface TestFileRun {
  readonly passed: boolean;
  /** Milliseconds of the whole file. */
  readonly duration: number;
  readonly steps: Steps;
}

export type TestAnswer =
  | { readonly kind: "related"; readonly testFiles: readonly string[] }
  /** How each file ran that did. */
  | { readonly kind: "all"; readonly files: Readonly<Record<string, TestFileRun>> }
  | { readonly kind: "trial"; readonly end: TrialEnd }
  | { readonly kind: "fault"; readonly message: string };

export type TrialEnd =
  | { readonly kind: "passed" | "timed-out" }
  /** Which test file has noticed; undefined where something failed outside of them all. */
  | { readonly kind: "failed"; readonly by: string | undefined };

/** Modules by which a test starts programs that are built. Make builds them again from the sources of the moment. */
const BUILT_PROGRAMS = ["packages/testkit/src/built-programs.ts", "demo/fleet/programs.ts"];
/** A process of vitest's own: it ends by itself, and vitest waits for that. */
const WORKER = "/vitest/dist/workers/forks.js";
/** Processes that share all tests. A trial has one, as each loads for itself what the files import. */
const WORKERS = 4;
/** A fault often makes a test wait for what does not come: how long a step may take, at the least, and how many times its usual time. */
const STEP_LIMIT = 3_000;
const STEP_TIMES = 5;

const root = process.cwd();
const temporary = process.env["TMPDIR"] ?? "";
const pathOf = (module: { readonly moduleId: string }) => relative(root, module.moduleId);

interface Watch {
  /** Something begins that has this id, or what had begun has ended. */
  step(id?: string): void;
  fail(by: TestModule): void;
}

let watch: Watch | undefined;
const reporter: Reporter = {
  onTestModuleQueued: ({ id }) => watch?.step(id),
  onTestCaseReady: ({ id }) => watch?.step(id),
  onHookEnd: () => watch?.step(),
  onTestCaseResult: (test) => (test.result().state === "failed" ? watch?.fail(test.module) : watch?.step()),
  onTestModuleEnd: (module) => (module.ok() ? watch?.step() : watch?.fail(module)),
};
const vitest = await createVitest({
  root,
  config: join(root, "tools/mutate/vitest.config.ts"),
  project: ["parts"],
  reporters: [reporter],
  watch: false,
});
const tests = new Map((await vitest.globTestSpecifications()).map((each) => [pathOf(each), each]));
const startPrograms = new Set<string>();
for (const file of BUILT_PROGRAMS) for (const test of await findRelated(file)) startPrograms.add(test);

async function findRelated(file: string): Promise<string[]> {
  vitest.config.related = [join(root, file)];
  return (await vitest.getRelevantTestSpecifications()).map(pathOf);
}

/** When each file that vitest has read was last written before that. */
const times = new Map<string, number>();

/** Vitest watches nothing here: before and after each request, what has changed since it was read is forgotten. */
function forgetChanged(): void {
  const read = vitest.projects.flatMap(({ vite }) =>
    Object.values(vite.environments).flatMap(({ moduleGraph }) => [...moduleGraph.fileToModulesMap.keys()]),
  );
  for (const file of new Set(read.filter((each) => each.startsWith(root)))) {
    const time = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (times.has(file) && times.get(file) !== time) vitest.invalidateFile(file);
    times.set(file, time);
  }
}

async function run(testFiles: readonly string[], workers: number) {
  if (testFiles.some((file) => startPrograms.has(file))) execFileSync("make", ["--silent", "programs"], { cwd: root });
  for (const { config } of vitest.projects) config.maxWorkers = workers;
  try {
    return await vitest.runTestSpecifications(testFiles.map((file) => tests.get(file)).filter((each) => each !== undefined));
  } finally {
    watch = undefined;
    killProgramsIn(dirname(root), WORKER);
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
    await mkdir(temporary);
  }
}

async function runAll(testFiles: readonly string[], reached: string | undefined): Promise<TestAnswer> {
  if (reached !== undefined) process.env["NIXFLEET_REACHED"] = reached;
  const { testModules } = await run(testFiles, WORKERS);
  delete process.env["NIXFLEET_REACHED"];
  const ran = testModules.filter((module) => testFiles.includes(pathOf(module)));
  return { kind: "all", files: Object.fromEntries(ran.map((module) => [pathOf(module), summaryOf(module)])) };
}

function summaryOf(module: TestModule): TestFileRun {
  const { duration, collectDuration, setupDuration, prepareDuration } = module.diagnostic();
  const steps = [...module.children.allTests()].map((test) => [test.id, test.diagnostic()?.duration ?? 0] as const);
  const load = collectDuration + setupDuration + prepareDuration;
  return { passed: module.ok(), duration, steps: Object.fromEntries([...steps, [module.id, load]]) };
}

async function tryOut(testFiles: readonly string[], usual: Steps): Promise<TestAnswer> {
  let end: TrialEnd | undefined;
  let timer: NodeJS.Timeout | undefined;
  const endWith = (kind: TrialEnd) => {
    if (end !== undefined) return;
    end = kind;
    // Twice: the first alone waits for the tests that are running.
    void vitest.cancelCurrentRun("test-failure");
    void vitest.cancelCurrentRun("test-failure");
  };
  watch = {
    step(id) {
      clearTimeout(timer);
      const limit = Math.max(STEP_LIMIT, STEP_TIMES * ((id === undefined ? undefined : usual[id]) ?? 0));
      timer = setTimeout(() => endWith({ kind: "timed-out" }), limit);
    },
    fail: (module) => endWith({ kind: "failed", by: pathOf(module) }),
  };
  const { unhandledErrors } = await run(testFiles, 1);
  clearTimeout(timer);
  const isGood = unhandledErrors.length === 0;
  return { kind: "trial", end: end ?? (isGood ? { kind: "passed" } : { kind: "failed", by: undefined }) };
}

async function answer(request: TestRequest): Promise<TestAnswer> {
  try {
    forgetChanged();
    if (request.kind === "related") return { kind: "related", testFiles: await findRelated(request.file) };
    if (request.kind === "all") return await runAll(request.testFiles, request.reached);
    return await tryOut(request.testFiles, request.usual);
  } catch (error) {
    return { kind: "fault", message: String(error instanceof Error ? error.stack : error) };
  } finally {
    forgetChanged();
  }
}

process.on("message", (request: TestRequest) => {
  void answer(request).then((text) => process.send?.(text));
});
process.on("disconnect", () => process.exit());
