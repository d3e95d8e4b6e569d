import { access } from "node:fs/promises";
import { join } from "node:path";
import { Commit, type FailureCode, type RefusalCode, shorten } from "@nixfleet/protocol";
import {
  type ExecResult,
  explainGitFailure,
  type Git,
  type GitRequest,
  isDiskFull,
  readTreeFile,
  succeeded,
  type TreeFileRead,
} from "@nixfleet/runtime";
import { discardClone, initClone, inspectClone, resetSettings } from "./clone-directory.ts";
import { inspectWorkTree } from "./work-tree.ts";

/** Where the tip of the followed branch is kept: one name, so that no branch's name can be in the way of another's. */
const TIP = "refs/nixfleet/tip";

export interface CloneDeps {
  git: Git;
  /** The agent's own clone. All in it may be changed and removed; nothing outside of it ever is. */
  dir: string;
  url: string;
  branch: string;
  /** A sentence of this program itself about what it does with the clone. */
  log(text: string): void;
}

export type GitFault = { code: FailureCode; reason: string; firstError: string };

export type SyncResult =
  /** `fetched`: the repository was read for it. */
  | { kind: "at"; commit: Commit; fetched: boolean }
  | ({ kind: "refused" } & CommitRefusal)
  | { kind: "failed"; fault: GitFault }
  | { kind: "stopped" };

/** Why a commit is not to be trusted; undefined: it is. */
export type CommitCheck = (commit: Commit, git: Git) => Promise<string | undefined>;

export type CommitRefusal = { code: RefusalCode; reason: string };

export interface SyncRequest {
  /** Null: the tip of the branch. */
  commit: Commit | null;
  /** `if-missing` does without the network when the clone has the commit. */
  fetch: "always" | "if-missing";
  signal: AbortSignal;
  onStderr(chunk: Buffer): void;
  /** Asked about the commit before any of its files is taken out. `tip`: the branch's, as fetched last. */
  admit?: ((commit: Commit, fetched: { git: Git; tip: Commit }) => Promise<CommitRefusal | undefined>) | undefined;
}

export interface Clone {
  /**
   * Brings the clone to exactly that commit of the branch: its content as committed, nothing added, nothing left over. A
   * damaged clone is recreated. Never waits for input.
   */
  sync(request: SyncRequest): Promise<SyncResult>;
  /** The commit that the clone is at; null before the first pull, or when it cannot be read. */
  head(): Promise<Commit | null>;
  /** Whether the commit can be reached from `from`. False, too, if the clone does not know one of them. */
  contains(from: Commit, commit: Commit): Promise<boolean>;
  /** A file of the commit that the clone is at, as committed, links followed; at most `limit` bytes. */
  readFile(path: string, limit: number): Promise<TreeFileRead>;
  /** Why a commit of the clone is not to be trusted; undefined: it is. */
  verify(commit: Commit, check: CommitCheck): Promise<string | undefined>;
  /** Why the branch cannot be read from the repository; undefined: it can. Changes nothing. */
  probe(signal: AbortSignal): Promise<GitFault | undefined>;
}

type Attempt = SyncResult | { kind: "damaged"; fault: GitFault };

export function createClone({ git, dir, url, branch, log }: CloneDeps): Clone {
  // Named, since git would otherwise look for a repository in the directories above.
  const place = [`--git-dir=${join(dir, ".git")}`, `--work-tree=${dir}`];
  const inClone = (args: readonly string[], request: GitRequest = {}) => git([...place, ...args], { cwd: dir, ...request });

  const has = async (commit: Commit) => succeeded(await inClone(["cat-file", "-e", `${commit}^{commit}`]));
  const isAncestor = async (commit: Commit, of: string) => {
    const { end } = await inClone(["merge-base", "--is-ancestor", commit, of]);
    return end.kind === "exited" && end.exitCode <= 1 ? end.exitCode === 0 : undefined;
  };
  const readCommit = async (name: string): Promise<Commit | null> => {
    const result = await inClone(["rev-parse", "--verify", "--quiet", `${name}^{commit}`]);
    const commit = Commit.safeParse(result.stdout.trim());
    return succeeded(result) && commit.success ? commit.data : null;
  };
  const failed = (result: ExecResult): Attempt => {
    if (result.aborted) return { kind: "stopped" };
    const fault = explain(result, url);
    return fault.code === "clone-corrupt" || fault.code === "git-failed" ? { kind: "damaged", fault } : { kind: "failed", fault };
  };
  const damaged = (reason: string): Attempt => ({
    kind: "damaged",
    fault: { code: "clone-corrupt", reason: `The clone is damaged: ${reason}.`, firstError: reason },
  });

  const fetch = async ({ signal, onStderr }: SyncRequest): Promise<Attempt | undefined> => {
    const isShallow = await exists(join(dir, ".git/shallow"));
    const options = ["--force", "--no-tags", "--no-write-fetch-head", ...(isShallow ? ["--unshallow"] : ["--update-shallow"])];
    const refspec = `+refs/heads/${branch}:${TIP}`;
    const result = await inClone(["fetch", ...options, "--end-of-options", url, refspec], { signal, onStderr });
    if (succeeded(result)) return undefined;
    const fault = failed(result);
    // A branch is fetched, no commit by its hash: an object that git lacks then is one of the clone's own.
    return fault.kind === "failed" && fault.fault.code === "commit-missing" ? { ...fault, kind: "damaged" } : fault;
  };

  const attempt = async (request: SyncRequest): Promise<Attempt> => {
    const { signal, onStderr } = request;
    const known = request.commit === null ? undefined : await isAncestor(request.commit, TIP);
    const mustFetch = request.fetch === "always" || known !== true;
    if (mustFetch) {
      const fault = await fetch(request);
      if (fault !== undefined) return fault;
    }
    const tip = await readCommit(TIP);
    if (tip === null) return damaged("the fetched branch cannot be read");
    const commit = request.commit ?? tip;
    const onBranch = await isAncestor(commit, TIP);
    if (onBranch !== true) {
      const check = await inClone(["fsck", "--connectivity-only", "--no-dangling", "--no-progress", TIP], { signal });
      if (!succeeded(check)) return check.aborted ? { kind: "stopped" } : damaged("its history is not whole");
      if (!(await has(commit))) return { kind: "failed", fault: missing(commit, branch) };
      const reason = `${commit} is in the repository's history, but not on the branch ${branch}.`;
      return { kind: "refused", code: "commit-not-on-branch", reason };
    }
    const refusal = await request.admit?.(commit, { git: inClone, tip });
    if (signal.aborted) return { kind: "stopped" };
    if (refusal !== undefined) return { kind: "refused", ...refusal };
    for (const args of [
      ["checkout", "--quiet", "--force", "--detach", commit],
      ["clean", "--quiet", "-ffdx"],
    ]) {
      const result = await inClone(args, { signal, onStderr });
      if (!succeeded(result)) return failed(result);
    }
    const tree = await inspectWorkTree(inClone, dir, signal);
    if (tree.kind === "failed") return failed(tree.result);
    if (tree.kind === "damaged") return damaged(tree.reason);
    if ((await readCommit("HEAD")) !== commit) return damaged("its HEAD is not the commit");
    return { kind: "at", commit, fetched: mustFetch };
  };

  const prepare = async (commit: Commit | null): Promise<Attempt | undefined> => {
    const state = await inspectClone(dir);
    if (state.kind === "unusable") {
      log(`Recreating the clone: ${state.reason}.`);
      await discardClone(dir);
    }
    if (state.kind !== "usable") {
      const made = await initClone(git, dir, commit?.length === 64 ? "sha256" : "sha1");
      if (!succeeded(made)) return failed(made);
    }
    await resetSettings(dir, url);
    return undefined;
  };

  return {
    async sync(request) {
      try {
        for (let isFirst = true; ; isFirst = false) {
          const result = (await prepare(request.commit)) ?? (await attempt(request));
          if (result.kind !== "damaged") return result;
          if (!isFirst) return { kind: "failed", fault: result.fault };
          log(`Recreating the clone: ${result.fault.firstError}.`);
          await discardClone(dir);
        }
      } catch (error) {
        return { kind: "failed", fault: diskFault(error, dir) };
      }
    },
    async head() {
      return (await inspectClone(dir)).kind === "missing" ? null : readCommit("HEAD");
    },
    contains: async (from, commit) => (await isAncestor(commit, from)) === true,
    readFile: (path, limit) => readTreeFile({ git: inClone, localGit: inClone }, { commit: "HEAD", path, limit }),
    verify: (commit, check) => check(commit, inClone),
    async probe(signal) {
      const result = await git(["ls-remote", "--exit-code", "--end-of-options", url, `refs/heads/${branch}`], { signal });
      if (succeeded(result) || result.aborted) return undefined;
      // git-ls-remote(1): status 2 when the repository answers and has no such ref.
      if (result.end.kind === "exited" && result.end.exitCode === 2) {
        const firstError = `couldn't find remote ref refs/heads/${branch}`;
        return { code: "branch-missing", reason: `The branch does not exist in the repository (${url}): ${branch}.`, firstError };
      }
      return explain(result, url);
    },
  };
}

function explain(result: ExecResult, url: string): GitFault {
  if (result.end.kind === "spawn-failed") {
    return { code: "git-failed", reason: `git cannot be run: ${result.end.message}.`, firstError: result.end.message };
  }
  const { code, sentence, line } = explainGitFailure(result.stderr, url);
  return { code, reason: shorten(sentence, 2000), firstError: line };
}

function missing(commit: Commit, branch: string): GitFault {
  const firstError = `not a valid commit: ${commit}`;
  return { code: "commit-missing", reason: `The branch ${branch} has no commit ${commit}.`, firstError };
}

function diskFault(error: unknown, dir: string): GitFault {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  const isFull = isDiskFull(error);
  return {
    code: isFull ? "disk-full" : "clone-corrupt",
    reason: isFull
      ? `The disk that holds ${dir} is full.`
      : `The clone at ${dir} is damaged and could not be recreated: ${message}`,
    firstError: message,
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // Not there, or not readable: git will log so.
  }
}
