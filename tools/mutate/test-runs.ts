import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { killProgramsIn, type ProgramEnd, runProgram } from "./program.ts";
import type { TestAnswer, TestFileRun, TestRequest, TrialEnd } from "./test-server.ts";
import type { Tree } from "./tree.ts";

export interface TestRuns extends Disposable {
  /** Test files that load a file, themselves or by what they import; paths from the root. None if it was aborted. */
  relatedTo(file: string): Promise<readonly string[]>;
  /** Runs test files of the copy and tells of each how it went. Throws if there is no result, undefined if it was aborted. */
  run(testFiles: readonly string[], options: { reached?: string; limit: number }): Promise<Map<string, TestFileRun> | undefined>;
  /** Runs test files in their order until a test fails or takes much longer than it did, and for at most so many milliseconds. */
  tryOut(testFiles: ReadonlyMap<string, TestFileRun>, limit: number): Promise<TrialEnd | { kind: "aborted" }>;
  /** Whether the types of the package of a file are right. */
  checkTypes(file: string): Promise<ProgramEnd>;
}

/** Tests of a copy of the repository. Nothing that they start outlives a run. */
export function createTestRuns(tree: Tree, signal: AbortSignal): TestRuns {
  const place = dirname(tree.root);
  const env = { TMPDIR: tree.temporary, NODE_COMPILE_CACHE: join(place, "compiled") };
  let server: ChildProcess | undefined;
  let errors = "";

  const endServer = () => {
    server?.removeAllListeners().kill("SIGKILL");
    server = undefined;
    killProgramsIn(place);
  };

  /** Undefined: it took too long, or was aborted. */
  async function ask(request: TestRequest, limit: number): Promise<TestAnswer | undefined> {
    if (signal.aborted) return undefined;
    server ??= startServer();
    const asked = server;
    const end = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(limit))]);
    const answer = await new Promise<TestAnswer | undefined>((resolve, reject) => {
      asked.once("message", (message) => resolve(message as TestAnswer));
      asked.once("exit", (code) => reject(new Error(`The server of the tests ended with code ${code}: ${errors}`)));
      end.addEventListener("abort", () => resolve(undefined), { once: true });
      asked.send(request);
    });
    asked.removeAllListeners();
    if (answer === undefined) {
      endServer();
      await rm(tree.temporary, { recursive: true, force: true, maxRetries: 5 });
      await mkdir(tree.temporary);
    }
    if (answer?.kind === "fault") throw new Error(answer.message);
    return answer;
  }

  function startServer(): ChildProcess {
    const started = fork(join(tree.root, "tools/mutate/test-server.ts"), {
      cwd: tree.root,
      env: { ...process.env, ...env },
      // A terminal's Ctrl-C is for its parent, which ends it.
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    started.stderr?.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
    return started;
  }

  return {
    async relatedTo(file) {
      const answer = await ask({ kind: "related", file }, 5 * 60_000);
      return answer?.kind === "related" ? answer.testFiles : [];
    },

    async run(testFiles, { reached, limit }) {
      const answer = await ask({ kind: "all", testFiles, reached }, limit);
      if (answer?.kind === "all") return new Map(Object.entries(answer.files));
      if (!signal.aborted) throw new Error("No results of the tests: they took too long.");
      return undefined;
    },

    async tryOut(testFiles, limit) {
      const usual = Object.assign({}, ...[...testFiles.values()].map(({ steps }) => steps));
      const answer = await ask({ kind: "trial", testFiles: [...testFiles.keys()], usual }, limit);
      if (answer?.kind === "trial") return answer.end;
      return { kind: signal.aborted ? "aborted" : "timed-out" };
    },

    checkTypes(file) {
      const folder = /^packages\/[^/]+|^[^/]+/.exec(file)?.[0] ?? ".";
      const project = existsSync(join(tree.root, folder, "tsconfig.json")) ? folder : ".";
      const state = join(place, `${project.replaceAll("/", "-")}.tsbuildinfo`);
      return runProgram(["tools/node/run", "tsc", "--project", project, "--incremental", "--tsBuildInfoFile", state], {
        cwd: tree.root,
        limit: 5 * 60_000,
        signal,
      });
    },

    [Symbol.dispose]: endServer,
  };
}
