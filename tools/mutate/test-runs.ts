import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createVitest } from "vitest/node";
import { killProgramsIn, type ProgramEnd, runProgram } from "./program.ts";
import type { Tree } from "./tree.ts";

const CONFIG = "tools/mutate/vitest.config.ts";
const PROJECT = "parts";

export interface TestFileRun {
  readonly passed: boolean;
  /** Milliseconds of the whole file, and of the test in it that takes longest. */
  readonly duration: number;
  readonly slowestTest: number;
}

export interface TestRuns {
  /** Test files that load a file, themselves or by what they import; paths from the root. */
  relatedTo(file: string): Promise<string[]>;
  /** Runs test files of the copy and tells of each how it went. Throws if there is no result, undefined if it was aborted. */
  run(testFiles: readonly string[], options: { reached?: string; limit: number }): Promise<Map<string, TestFileRun> | undefined>;
  /** Runs test files until the first test fails, or takes longer than `testLimit`. Limits are milliseconds. */
  tryOut(testFiles: readonly string[], limits: { limit: number; testLimit: number }): Promise<ProgramEnd>;
  /** Whether the types of the package of a file are right. */
  checkTypes(file: string): Promise<ProgramEnd>;
}

/** Tests of a copy of the repository. Nothing that they start outlives a run. */
export function createTestRuns(tree: Tree, signal: AbortSignal): TestRuns {
  const env = { TMPDIR: tree.temporary };
  const run = async (args: readonly string[], limit: number, more: NodeJS.ProcessEnv = {}) => {
    const end = await runProgram(["tools/node/run", ...args] as [string, ...string[]], {
      cwd: tree.root,
      env: { ...env, ...more },
      limit,
      signal,
    });
    killProgramsIn(dirname(tree.root));
    await rm(tree.temporary, { recursive: true, force: true, maxRetries: 5 });
    await mkdir(tree.temporary);
    return end;
  };
  const vitest = ["vitest", "run", "--config", CONFIG, "--project", PROJECT];

  return {
    async relatedTo(file) {
      const instance = await createVitest({
        root: tree.root,
        config: join(tree.root, CONFIG),
        project: [PROJECT],
        related: [join(tree.root, file)],
        watch: false,
      });
      try {
        const specifications = await instance.getRelevantTestSpecifications();
        return specifications.map(({ moduleId }) => relative(tree.root, moduleId));
      } finally {
        await instance.close();
      }
    },

    async run(testFiles, { reached, limit }) {
      const output = join(dirname(tree.root), "results.json");
      await rm(output, { force: true });
      const end = await run(
        [...vitest, "--reporter=json", `--outputFile=${output}`, ...testFiles],
        limit,
        reached === undefined ? {} : { NIXFLEET_REACHED: reached },
      );
      if (end.kind === "aborted") return undefined;
      if (!existsSync(output)) throw new Error(`No results of the tests: ${end.kind === "exited" ? end.output : end.kind}`);
      const { testResults } = JSON.parse(readFileSync(output, "utf8")) as {
        testResults: {
          name: string;
          status: string;
          startTime: number;
          endTime: number;
          assertionResults: { duration?: number | null }[];
        }[];
      };
      return new Map(
        testResults.map(({ name, status, startTime, endTime, assertionResults }) => [
          relative(tree.root, name),
          {
            passed: status === "passed",
            duration: endTime - startTime,
            slowestTest: Math.max(0, ...assertionResults.map(({ duration }) => duration ?? 0)),
          },
        ]),
      );
    },

    tryOut: (testFiles, { limit, testLimit }) =>
      run([...vitest, "--bail=1", "--reporter=dot", ...testFiles], limit, { NIXFLEET_TEST_LIMIT: String(Math.ceil(testLimit)) }),

    checkTypes(file) {
      const folder = /^packages\/[^/]+|^[^/]+/.exec(file)?.[0] ?? ".";
      const project = existsSync(join(tree.root, folder, "tsconfig.json")) ? folder : ".";
      const state = join(dirname(tree.root), `${project.replaceAll("/", "-")}.tsbuildinfo`);
      return run(["tsc", "--project", project, "--incremental", "--tsBuildInfoFile", state], 5 * 60_000);
    },
  };
}
