import { succeeded } from "./exec.ts";
import type { Git, GitRequest } from "./git.ts";
import { type BlobRead, readBlob } from "./git-blob.ts";

export type TreeFileRead =
  | BlobRead
  | { kind: "missing" }
  /** `reason`: goes on where a sentence has named the file; without a full stop. */
  | { kind: "no-file"; reason: string };

export interface TreeFileRequest extends Pick<GitRequest, "cwd" | "signal"> {
  /** A name of the caller's own making, or a whole commit id: never an option. */
  commit: string;
  path: string;
  /** Bytes. */
  limit: number;
}

/**
 * A file of a commit, links followed inside of the commit, as git-cat-file(1) does it with `--follow-symlinks`. `git` reads contents, `localGit`
 * the rest: in a clone without contents the one has a network, and the other must not.
 */
export async function readTreeFile(
  { git, localGit }: { git: Git; localGit: Git },
  { commit, path, limit, ...request }: TreeFileRequest,
): Promise<TreeFileRead> {
  const listed = await localGit(["ls-tree", "--end-of-options", commit, path], request);
  if (!succeeded(listed)) return { kind: "failed", result: listed };
  if (listed.stdout === "") return { kind: "missing" };
  const [, mode, type, id] = /^(\d+) (\w+) ([0-9a-f]+)\t/.exec(listed.stdout) ?? [];
  if (type !== "blob" || id === undefined) return { kind: "no-file", reason: "is not a file" };
  if (mode !== SYMBOLIC_LINK) return readBlob(git, id, limit, request);
  const followed = await git(["cat-file", "--batch-check=%(objecttype) %(objectname)", "--follow-symlinks"], {
    ...request,
    stdin: `${commit}:${path}\n`,
  });
  if (!succeeded(followed)) return { kind: "failed", result: followed };
  const [word = "", target = ""] = followed.stdout.split(/[ \n]/, 2);
  switch (word) {
    case "blob":
      return readBlob(git, target, limit, request);
    case "tree":
      return { kind: "no-file", reason: "is a link to a folder" };
    case "symlink":
      return { kind: "no-file", reason: "is a link that leads out of the repository" };
    case "loop":
      return { kind: "no-file", reason: "is a link that leads back to itself" };
    case "dangling":
    case "notdir":
      return { kind: "no-file", reason: "is a link that leads nowhere" };
    default: // "<object> missing": what the link says could not be read.
      return { kind: "failed", result: followed };
  }
}

/** Mode of a tree's entry (gitformat-index(5)). */
const SYMBOLIC_LINK = "120000";
