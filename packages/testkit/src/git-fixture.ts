import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeEnd, exec, succeeded } from "@nixfleet/runtime";
import { createTempDir } from "./temp-dir.ts";

/** Files by path: content, content with the executable bit, or null to remove. */
export type FileChanges = Record<string, string | Uint8Array | { content: string; executable: true } | null>;

export interface GitFixture extends AsyncDisposable {
  /** The bare repository that agents and dashboards clone from, as a path and as a file:// URL. */
  readonly origin: string;
  readonly url: string;
  /** The author's own work tree. */
  readonly workTree: string;
  /** Changes files, commits and pushes to the current branch; returns the commit's hash. */
  commit(subject: string, changes: FileChanges): Promise<string>;
  /** The same without pushing. */
  commitLocally(subject: string, changes: FileChanges): Promise<string>;
  push(...options: string[]): Promise<void>;
  /** The hash of the work tree's commit. */
  head(): Promise<string>;
  /** Moves the branch back to a commit and pushes that by force: history is rewritten. */
  forcePushTo(commit: string): Promise<void>;
  /** Runs git in the work tree; throws with its words when it fails. */
  git(...args: string[]): Promise<string>;
}

export interface GitFixtureOptions {
  /** Where to build it, or where it was built before; by default a temporary directory that goes when the fixture is disposed. */
  directory?: string;
  branch?: string;
  /**
   * People work in it too. Then commits are pushed, and refused when somebody else has pushed others. By default the origin shares
   * the work tree's objects, and the fixture moves its branch itself, which starts a tenth of the programs.
   */
  shared?: boolean;
  /** Called for the date of each commit, in seconds since the epoch. By default one minute apart, from 2026-01-01. */
  dates?: () => number;
}

const firstDate = Date.UTC(2026, 0, 1) / 1000;

/** A bare origin and a work tree, with fixed author and dates, so that the same commits have the same hashes everywhere. */
export async function createGitFixture(options: GitFixtureOptions = {}): Promise<GitFixture> {
  const temporary = options.directory === undefined ? await createTempDir("nixfleet-git-") : undefined;
  const root = options.directory ?? temporary?.path ?? "";
  const { branch = "main", shared = false } = options;
  const origin = join(root, "origin.git");
  const workTree = join(root, "work");
  let minutes = 0;
  const dates = options.dates ?? (() => firstDate + 60 * minutes++);

  const run = (cwd: string, args: readonly string[], date = firstDate) => runGit(cwd, args, date);
  const gitDir = join(workTree, ".git");
  if (!existsSync(origin)) {
    await initRepository(gitDir, branch, `[core]\n\tbare = false\n[remote "origin"]\n\turl = ${JSON.stringify(origin)}\n`);
    await initRepository(origin, branch, "[core]\n\tbare = true\n");
  }
  if (!shared) {
    await mkdir(join(origin, "objects/info"), { recursive: true });
    await writeFile(join(origin, "objects/info/alternates"), `${join(gitDir, "objects")}\n`);
  }
  const readRef = async (name: string) => (await readFile(join(gitDir, name), "utf8")).trim();
  /** The branch that the work tree is on, as refs/heads/<name>. */
  const branchOf = async () => (await readRef("HEAD")).replace(/^ref: /, "");

  const fixture: GitFixture = {
    origin,
    url: `file://${origin}`,
    workTree,
    async commitLocally(subject, changes) {
      await applyChanges(workTree, changes);
      await run(workTree, ["add", "--all"]);
      await run(workTree, ["commit", "--quiet", "--allow-empty", "--message", subject], dates());
      return fixture.head();
    },
    async commit(subject, changes) {
      const commit = await fixture.commitLocally(subject, changes);
      if (shared) await fixture.push();
      else await moveRef(join(origin, await branchOf()), commit);
      return commit;
    },
    head: async () => (shared ? run(workTree, ["rev-parse", "HEAD"]) : readRef(await branchOf())),
    async push(...more) {
      await run(workTree, ["push", "--quiet", ...more, "origin", "HEAD"]);
    },
    async forcePushTo(commit) {
      await run(workTree, ["reset", "--quiet", "--hard", commit]);
      await fixture.push("--force");
    },
    git: (...args) => run(workTree, args),
    async [Symbol.asyncDispose]() {
      await temporary?.[Symbol.asyncDispose]();
    },
  };
  return fixture;
}

/** As `git init` does it (gitrepository-layout(5)), without a program: these are made in their hundreds. */
async function initRepository(directory: string, branch: string, config: string): Promise<void> {
  await Promise.all(["objects", "refs/heads"].map((folder) => mkdir(join(directory, folder), { recursive: true })));
  await writeFile(join(directory, "config"), `[core]\n\trepositoryformatversion = 0\n${config}`);
  await writeFile(join(directory, "HEAD"), `ref: refs/heads/${branch}\n`);
}

async function moveRef(file: string, commit: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.lock`, `${commit}\n`);
  await rename(`${file}.lock`, file);
}

async function applyChanges(workTree: string, changes: FileChanges): Promise<void> {
  for (const [path, change] of Object.entries(changes)) {
    const target = join(workTree, path);
    await rm(target, { force: true });
    if (change === null) continue;
    const { content, mode } =
      typeof change === "string" || change instanceof Uint8Array
        ? { content: change, mode: 0o644 }
        : { content: change.content, mode: 0o755 };
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { mode });
  }
}

async function runGit(cwd: string, args: readonly string[], date: number): Promise<string> {
  const stamp = `${date} +0000`;
  const result = await exec({
    argv: ["git", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "commit.gpgSign=false", ...args],
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: "/var/empty",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@fleet.example",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@fleet.example",
      GIT_AUTHOR_DATE: stamp,
      GIT_COMMITTER_DATE: stamp,
    },
  }).result;
  if (!succeeded(result)) throw new Error(`git ${args.join(" ")}: ${describeEnd(result.end)}: ${result.stderr}`);
  return result.stdout.trimEnd();
}
