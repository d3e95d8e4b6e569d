export {
  makeDirectory,
  readUntrusted,
  syncDirectory,
  syncDirectoryNow,
  type UntrustedRead,
  writeAtomic,
} from "./atomic-file.ts";
export { BUILD_COMMIT } from "./build-commit.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type Disk, type DiskFile, machineDisk } from "./disk.ts";
export { isDiskFull, messageOf } from "./errors.ts";
export { type EveryOptions, every, type LastRound, type Recurring } from "./every.ts";
export {
  describeEnd,
  type Exec,
  type ExecEnd,
  type ExecRequest,
  type ExecResult,
  exec,
  type RunningProcess,
  succeeded,
} from "./exec.ts";
export {
  FLAKE_LOCK_TOO_LARGE,
  type FlakeLockInput,
  type FlakeLockRead,
  LARGEST_FLAKE_LOCK,
  readFlakeLock,
  redactInputSource,
} from "./flake-lock.ts";
export { createGit, type Git, type GitCredentials, type GitDeps, type GitRequest } from "./git.ts";
export { type BlobRead, readBlob } from "./git-blob.ts";
export { explainGitFailure, type GitFailure, type GitFailureCode } from "./git-failure.ts";
export { type GitSettings, inputSettings } from "./git-inputs.ts";
export { GIT_SETTINGS, gitCredentials } from "./git-settings.ts";
export { readTreeFile, type TreeFileRead } from "./git-tree-file.ts";
export { createKeyedQueue, type KeyedQueue, type KeyedQueueDeps } from "./keyed-queue.ts";
export { type BoundedLimiter, createLimiter, type LimitedResult, type Limiter } from "./limiter.ts";
export { createLineSplitter, type LineSplitter, maxFragmentBytes, type OutputLine } from "./lines.ts";
export { type Lock, type LockResult, lockOwner, takeLock } from "./lock.ts";
export { takeLockOnFullDisk } from "./lock-on-full-disk.ts";
export { bootId, identifyProcess, isAlive, type ProcessIdentity, processIdentitySchema } from "./process-identity.ts";
export { type ProcessEntry, readProcess, readProcessTable } from "./process-table.ts";
export { createProcessTree, type ProcessTree } from "./process-tree.ts";
export { redact, redactUrls } from "./redact.ts";
export { canonicalRepoUrl, checkRepoUrl, type RepoTransport, type RepoUrlCheck, withoutTrailingSlashes } from "./repo-url.ts";
export { createSerial, type Serial } from "./serial.ts";
export { absolutePath, branchName, oneOf, onOff, repoFolder, repoUrl, wholeNumber, wordList } from "./setting-schemas.ts";
export {
  defineSettings,
  formatFaults,
  readSettings,
  type SettingFault,
  type SettingSpec,
  type SettingsOf,
  type SettingsResult,
  type SettingsSpec,
  settingsHelp,
} from "./settings.ts";
export type { TextSocket } from "./text-socket.ts";
export {
  openUntrustedDirectory,
  type Removal,
  type UntrustedDirectory,
  type UntrustedDirectoryResult,
} from "./untrusted-directory.ts";
