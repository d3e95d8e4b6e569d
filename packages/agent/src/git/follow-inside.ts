import { lstat, readlink, realpath } from "node:fs/promises";
import { relative } from "node:path";
import { shorten } from "@nixfleet/protocol";

export type Followed =
  /** `path` has no link in it. */
  | { kind: "found"; path: string }
  | { kind: "missing" }
  /** `reason`: goes on where a sentence has named the path; without a full stop. */
  | { kind: "refused"; reason: string };

/** Follows the links of a path, as long as these stay in the work tree of the clone: git's own files are no part of it. */
export async function followInside(cloneDir: string, path: string): Promise<Followed> {
  const target = await readLinkIfOne(path);
  if (target === null) return { kind: "missing" };
  const named = target === undefined ? "is behind a link" : `is a link to ${JSON.stringify(shorten(target, 200))}`;
  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ELOOP") return { kind: "refused", reason: `${named}, which leads back to itself` };
    // Too long a name, or a folder that is not for this user: whoever may commit chooses where a link leads to.
    if (["ENOENT", "ENOTDIR", "ENAMETOOLONG", "EACCES"].includes(code ?? "")) {
      return { kind: "refused", reason: `${named}, which leads nowhere` };
    }
    throw error;
  }
  const [first] = relative(await realpath(cloneDir), real).split("/");
  if (first === ".." || first === ".git") return { kind: "refused", reason: `${named}, which leads out of the repository` };
  return { kind: "found", path: real };
}

/** Undefined: it is no link. Null: there is nothing. */
async function readLinkIfOne(path: string): Promise<string | undefined | null> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}
