import type { Commit, SourceId } from "@nixfleet/protocol";

/** The target of a source, as far as it is known. */
export type TargetOfSource =
  | { readonly state: "known"; readonly sourceId: SourceId; readonly commit: Commit; readonly subject: string }
  /** The source has not been read yet, or the host has not reported which one it tracks. */
  | { readonly state: "unknown"; readonly sourceId: SourceId | null }
  /** The dashboard does not read the source. */
  | { readonly state: "undeclared"; readonly sourceId: SourceId };

/** Commits for runs, by the source that a host tracks; null: the host has not reported one. */
export interface TargetCommits {
  /** The target as known now; does no I/O. */
  targetOf(sourceId: SourceId | null): TargetOfSource;
  /** The subject of a commit; null: the source does not have it. */
  subjectOf(sourceId: SourceId | null, commit: Commit): Promise<string | null>;
}
