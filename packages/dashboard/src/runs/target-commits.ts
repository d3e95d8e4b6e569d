import type { Commit, SourceId } from "@nixfleet/protocol";

/** What is known of the target of a source. */
export type TargetOfSource =
  | { readonly state: "known"; readonly sourceId: SourceId; readonly commit: Commit; readonly subject: string }
  /** The source was not read yet, or the host has not said which one it tracks. */
  | { readonly state: "unknown"; readonly sourceId: SourceId | null }
  /** The dashboard does not read the source. */
  | { readonly state: "undeclared"; readonly sourceId: SourceId };

/** The commits that runs are about, by the source that a host tracks; null: it has not said which one. */
export interface TargetCommits {
  /** The target as it is known now, without asking anybody. */
  targetOf(sourceId: SourceId | null): TargetOfSource;
  /** The subject of a commit; null: the source does not have it. */
  subjectOf(sourceId: SourceId | null, commit: Commit): Promise<string | null>;
}
