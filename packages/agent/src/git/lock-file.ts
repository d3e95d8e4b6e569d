import { type Facts, type FailureCode, shorten } from "@nixfleet/protocol";
import { FLAKE_LOCK_TOO_LARGE, readFlakeLock, type TreeFileRead } from "@nixfleet/runtime";

/** What a `flake.lock` says, as a fact: read as the dashboard reads the target's, so that the two can be compared. */
export function readLockFile(file: TreeFileRead, at: number): Facts["lock"] {
  const problem = (code: FailureCode, message: string) => ({ problem: { code, message: shorten(message, 2000), at } });
  switch (file.kind) {
    case "missing":
      return problem("lock-missing", "The config repository has no flake.lock.");
    case "failed":
      return problem("clone-corrupt", "git cannot read flake.lock in the clone.");
    case "no-file":
      return problem("evaluation-failed", `flake.lock ${file.reason}.`);
    case "too-large":
    case "bytes": {
      const read = file.kind === "too-large" ? FLAKE_LOCK_TOO_LARGE : readFlakeLock(file.bytes);
      return read.ok ? { hash: read.hash, inputs: read.inputs } : problem("evaluation-failed", `${read.fault}.`);
    }
  }
}
