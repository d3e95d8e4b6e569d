import { lstat, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ExecResult, explainGitFailure, type Git, succeeded } from "@nixfleet/runtime";

/** Where files are taken out for a comparison: below the clone's `.git`, so on the same file system, and no part of the work tree. */
export const COMPARED = ".git/nixfleet-compared";

export type WorkTreeState = { kind: "whole" } | { kind: "damaged"; reason: string } | { kind: "failed"; result: ExecResult };

/**
 * Whether the work tree holds what a checkout of its index has written, and nothing else. Git itself calls such a tree modified where its
 * attributes do not lead back to what was committed (CRLF below a later `* text=auto`, `ident`, an encoding that a file does not have), and where
 * two names are one file, since the file system folds case. So files that it calls modified are taken out once more, to be compared.
 */
export async function inspectWorkTree(git: Git, dir: string, signal: AbortSignal): Promise<WorkTreeState> {
  const status = await git(["status", "--porcelain", "-z", "--no-renames", "--ignored", "--untracked-files=all"], {
    signal,
    captureBytes: LARGEST_STATUS,
  });
  if (!succeeded(status)) return { kind: "failed", result: status };
  const complaint = objectComplaint(status.stderr);
  if (complaint !== undefined) return { kind: "damaged", reason: complaint };
  const changes = status.stdout.split("\0").filter((entry) => entry !== "");
  if (changes.length === 0) return { kind: "whole" };
  const differs: WorkTreeState = { kind: "damaged", reason: "its files are not those of the commit" };
  if (!changes.every((entry) => entry.startsWith(MODIFIED))) return differs;
  const copy = join(dir, COMPARED);
  try {
    const taken = await git(["checkout-index", "--all", "--force", "--quiet", `--prefix=${COMPARED}/`], { signal });
    if (!succeeded(taken)) return { kind: "failed", result: taken };
    for (const entry of changes) {
      const path = entry.slice(MODIFIED.length);
      if (!(await isSameFile(join(dir, path), join(copy, path)))) return differs;
    }
    return { kind: "whole" };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Bytes: a line for each file of the largest repositories. */
const LARGEST_STATUS = 64 * 1024 * 1024;
/** git-status(1), short format: as in the index, and modified since in the work tree. */
const MODIFIED = " M ";

/** Git does without a pack that is cut short, and says so each time. What it says of a file's encoding is about the commit. */
function objectComplaint(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => line.startsWith("error: ") && explainGitFailure(line).code === "clone-corrupt");
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [here, there] = await Promise.all([lstat(one), lstat(other)]);
  if (here.mode !== there.mode) return false;
  if (here.isSymbolicLink()) return (await readlink(one)) === (await readlink(other));
  if (!here.isFile() || here.size !== there.size) return false;
  const [bytes, expected] = await Promise.all([readFile(one), readFile(other)]);
  return bytes.equals(expected);
}
