import { mkdir, rm } from "node:fs/promises";
import { posix } from "node:path";
import { type Commit, type CommitRelation, Commit as CommitSchema, plainText, shorten } from "@nixfleet/protocol";
import {
  explainGitFailure,
  FLAKE_LOCK_TOO_LARGE,
  type FlakeLockRead,
  type Git,
  type GitFailure,
  LARGEST_FLAKE_LOCK,
  readFlakeLock,
  readTreeFile,
  succeeded,
} from "@nixfleet/runtime";

/** Maximum length of subject and author, in characters. */
const MAX_TEXT_LENGTH = 300;

export interface CommitInfo {
  commit: Commit;
  subject: string;
  author: string;
  committedAt: number;
}

export interface MirrorDeps {
  /** A directory that is this mirror's alone; created if missing, recreated if damaged or of another repository. */
  directory: string;
  repoUrl: string;
  branch: string;
  /** Folder of the flake; empty: the root. */
  flakeDir: string;
  /** May connect to the repository only. */
  git: Git;
  /** Has no network access: a query for a commit that a host made up must not cause a request to the server. */
  localGit: Git;
}

export type ReadResult<T> = { ok: true; value: T } | { ok: false; failure: GitFailure };

/** A bare mirror of one branch, without the content of files (blobless) where the server can leave it out. */
export interface Mirror {
  /** Fetches the branch from the server and returns its tip. */
  fetch(signal: AbortSignal): Promise<ReadResult<CommitInfo>>;
  /** The lock file at a commit; null: none. May fetch its content from the server. */
  lock(commit: Commit, signal: AbortSignal): Promise<ReadResult<FlakeLockRead | null>>;
  /** Author, subject and date of a commit; null: not in the mirror. */
  info(commit: Commit): Promise<CommitInfo | null>;
  /** Commits that `to` has and `from` lacks, newest first, at most `most`; null: one of them is not in the mirror. */
  between(from: Commit, to: Commit, most: number): Promise<{ commits: CommitInfo[]; complete: boolean } | null>;
  /** How a commit relates to another one, and the date of the first commit that it lacks. */
  relate(commit: Commit, target: Commit): Promise<{ relation: CommitRelation; lackingSince: number | null }>;
}

export function createMirror({ directory, repoUrl, branch, flakeDir, git, localGit }: MirrorDeps): Mirror {
  const failed = (stderr: string): { ok: false; failure: GitFailure } => ({
    ok: false,
    failure: explainGitFailure(stderr, repoUrl),
  });

  /** Creates the repository if it is missing, damaged, or of another URL. */
  async function prepare(signal: AbortSignal): Promise<ReadResult<null>> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const url = await localGit(["config", "--file", `${directory}/config`, "--get", "remote.origin.url"], { signal });
    if (succeeded(url) && url.stdout.trim() === repoUrl) return { ok: true, value: null };
    // A timeout does not mean that the mirror is damaged.
    if (signal.aborted) return failed("fatal: operation timed out");
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const settings: readonly (readonly [string, string])[] = [
      ["remote.origin.promisor", "true"],
      ["remote.origin.partialCloneFilter", "blob:none"],
      // Set last: with it, the mirror counts as complete.
      ["remote.origin.url", repoUrl],
    ];
    const initialized = await localGit(["init", "--quiet", "--template=", "--bare", directory], { signal });
    if (!succeeded(initialized)) return failed(initialized.stderr);
    for (const [name, value] of settings) {
      const set = await localGit(["config", name, value], { cwd: directory, signal });
      if (!succeeded(set)) return failed(set.stderr);
    }
    return { ok: true, value: null };
  }

  async function fetchOnce(signal: AbortSignal): Promise<ReadResult<CommitInfo>> {
    const prepared = await prepare(signal);
    if (!prepared.ok) return prepared;
    const ref = `refs/heads/${branch}`;
    const fetched = await git(
      [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--filter=blob:none",
        "--end-of-options",
        "origin",
        `+${ref}:${ref}`,
      ],
      { cwd: directory, signal },
    );
    if (fetched.aborted) return failed("fatal: operation timed out");
    if (!succeeded(fetched)) return failed(fetched.end.kind === "spawn-failed" ? fetched.end.message : fetched.stderr);
    const tip = await describe(ref, signal);
    return tip === null ? failed("fatal: bad object of the branch") : { ok: true, value: tip };
  }

  /** `name` is a ref of the mirror's own making or a whole commit id, so never an option. */
  async function describe(name: string, signal?: AbortSignal): Promise<CommitInfo | null> {
    const logged = await localGit(["log", "-1", "--no-show-signature", COMMIT_FORMAT, "--end-of-options", name], {
      cwd: directory,
      signal,
      captureBytes: 64 * 1024,
    });
    if (!succeeded(logged)) return null;
    return parseCommit(logged.stdout);
  }

  return {
    async fetch(signal) {
      const first = await fetchOnce(signal);
      if (first.ok || first.failure.code !== "clone-corrupt" || signal.aborted) return first;
      await rm(directory, { recursive: true, force: true });
      return fetchOnce(signal);
    },

    async lock(commit, signal) {
      const file = await readTreeFile(
        { git, localGit },
        { commit, path: posix.join(flakeDir, "flake.lock"), limit: LARGEST_FLAKE_LOCK, cwd: directory, signal },
      );
      switch (file.kind) {
        case "missing":
          return { ok: true, value: null };
        case "failed":
          return failed(file.result.stderr);
        case "no-file":
          return { ok: true, value: { ok: false, fault: `flake.lock ${file.reason}` } };
        case "too-large":
          return { ok: true, value: FLAKE_LOCK_TOO_LARGE };
        case "bytes":
          return { ok: true, value: readFlakeLock(file.bytes) };
      }
    },

    info: (commit) => describe(commit),

    async between(from, to, most) {
      const listed = await localGit(
        ["log", `--max-count=${most + 1}`, "--no-show-signature", COMMIT_FORMAT, "--end-of-options", `${from}..${to}`],
        { cwd: directory, captureBytes: (most + 1) * MAX_COMMIT_LINE },
      );
      if (!succeeded(listed)) return null;
      const commits = listed.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map(parseCommit)
        .filter((info) => info !== null);
      return { commits: commits.slice(0, most), complete: commits.length <= most };
    },

    async relate(commit, target) {
      if (commit === target) return { relation: { kind: "equal" }, lackingSince: null };
      const counted = await localGit(["rev-list", "--left-right", "--count", "--end-of-options", `${commit}...${target}`], {
        cwd: directory,
      });
      const [ahead, behind] = succeeded(counted) ? counted.stdout.trim().split("\t").map(Number) : [];
      if (ahead === undefined || behind === undefined) return { relation: { kind: "unknown" }, lackingSince: null };
      if (behind === 0) return { relation: { kind: "ahead", ahead }, lackingSince: null };
      const first = await localGit(
        ["log", "-1", `--skip=${behind - 1}`, "--format=%ct", "--end-of-options", `${commit}..${target}`],
        { cwd: directory },
      );
      const seconds = succeeded(first) ? Number(first.stdout.trim()) : Number.NaN;
      const lackingSince = seconds >= 0 && seconds <= 8.64e12 && first.stdout.trim() !== "" ? seconds * 1000 : null;
      return { relation: ahead === 0 ? { kind: "behind", behind } : { kind: "diverged", ahead, behind }, lackingSince };
    },
  };
}

/** One line per commit: a subject contains no line break. */
const COMMIT_FORMAT = "--format=%H%x00%ct%x00%an%x00%s";
/** Maximum bytes of such a line; names and subjects are cut much shorter. */
const MAX_COMMIT_LINE = 16 * 1024;

function parseCommit(line: string): CommitInfo | null {
  const [id, seconds, author = "", ...subject] = line.replace(/\n$/, "").split("\0");
  const commit = CommitSchema.safeParse(id);
  if (!commit.success) return null;
  return {
    commit: commit.data,
    // Git accepts any number as a date.
    committedAt: Math.min(Math.max(0, Number(seconds) * 1000 || 0), 8.64e15),
    author: printable(author),
    subject: printable(subject.join(" ")),
  };
}

/** Makes text of a commit safe to display (R50). */
function printable(text: string): string {
  return plainText(MAX_TEXT_LENGTH).parse(shorten(text.trim(), MAX_TEXT_LENGTH));
}
