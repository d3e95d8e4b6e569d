import { type Facts, shorten } from "@nixfleet/protocol";
import { type BlobRead, FLAKE_LOCK_TOO_LARGE, readFlakeLock } from "@nixfleet/runtime";

/** What a `flake.lock` says, as a fact: read as the dashboard reads the target's, so that the two can be compared. */
export function readLockFile(blob: BlobRead, at: number): Facts["lock"] {
  if (blob.kind === "failed") {
    return { problem: { code: "lock-missing", message: "The config repository has no flake.lock.", at } };
  }
  const read = blob.kind === "too-large" ? FLAKE_LOCK_TOO_LARGE : readFlakeLock(blob.bytes);
  if (!read.ok) return { problem: { code: "evaluation-failed", message: shorten(`${read.fault}.`, 2000), at } };
  return { hash: read.hash, inputs: read.inputs };
}
