import { type ExecResult, succeeded } from "./exec.ts";
import type { Git, GitRequest } from "./git.ts";

export type BlobRead =
  | { kind: "bytes"; bytes: Buffer }
  | { kind: "too-large" }
  /** Git could not read it: there is no such object, or it cannot be reached. */
  | { kind: "failed"; result: ExecResult };

/**
 * The very bytes of a file in a repository, at most `limit` of them. `object` is an id, or `<commit>:<path>` of the caller's own making.
 * (What a program printed comes as text in its result, where bytes that are not UTF-8 are lost.)
 */
export async function readBlob(
  git: Git,
  object: string,
  limit: number,
  request: Pick<GitRequest, "cwd" | "signal"> = {},
): Promise<BlobRead> {
  const chunks: Buffer[] = [];
  let size = 0;
  const result = await git(["cat-file", "blob", object], {
    ...request,
    captureBytes: 0,
    onStdout: (chunk) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
    },
  });
  if (!succeeded(result)) return { kind: "failed", result };
  return size > limit ? { kind: "too-large" } : { kind: "bytes", bytes: Buffer.concat(chunks) };
}
