import type {
  Commit,
  CompartmentAnswer,
  Deployment,
  Facts,
  LockInput,
  OpName,
  RunId,
  RunState,
  TestResult,
  Timestamp,
} from "@nixfleet/protocol";
import type { SourceName } from "../../hosts/index.ts";
import type { Standing } from "../../sources/index.ts";

/** What the compartments need to know of a host. */
export interface HostInput {
  readonly name: string;
  readonly facts: Partial<Facts>;
  /** What was activated from here, newest first. */
  readonly deployments: readonly Deployment[];
  /** Which commits gave which closure in a preview, newest first. */
  readonly previews: readonly { readonly commit: Commit; readonly closure: string }[];
  /** A second machine claims to be this host: in which words. */
  readonly conflict: string | null;
  /** Its agent was turned away because of its protocol version: in which words. */
  readonly unsupported: string | null;
}

/** What the compartments need to know of the target of the host's source. */
export type TargetInput =
  | { readonly state: "not-configured" }
  /** The host tracks a source that is not declared here. */
  | ({ readonly state: "unknown-source" } & SourceName)
  | { readonly state: "never-read"; readonly problem: string | null }
  | {
      readonly state: "known";
      readonly commit: Commit;
      readonly subject: string;
      readonly lockHash: string | null;
      readonly inputs: Readonly<Record<string, LockInput>>;
      /** The grace period for failed fetches is over. */
      readonly stale: boolean;
      /** By commit; one that is not in it counts as unknown to the mirror. */
      readonly standings: ReadonlyMap<Commit, Standing>;
    };

export type KnownTarget = Extract<TargetInput, { state: "known" }>;
export type UnknownSource = Extract<TargetInput, { state: "unknown-source" }>;

/** A run, as far as it says something about the host's status. */
export interface RunFacts {
  readonly id: RunId;
  readonly op: OpName;
  readonly args: Readonly<Record<string, unknown>>;
  readonly state: RunState;
  readonly commit: Commit | null;
  readonly endedAt: Timestamp | null;
  /** The phase that it is in, or ended in. */
  readonly phase: string | null;
  /** Code of its failure or refusal. */
  readonly code: string | null;
  /** Why it ended so, as a sentence. */
  readonly reason: string | null;
  /** The tool's own first line of failure, else the reason. */
  readonly firstError: string | null;
  /** What ran on the host when the run had ended (its proof). */
  readonly closureAtEnd: string | null;
  readonly tests: readonly TestResult[];
  /** How it is shown while it is active. */
  readonly word: string;
  readonly sentence: string;
}

export interface RunsInput {
  /** The run that is starting or running. */
  readonly active: RunFacts | null;
  /** The last one that fetched a commit (pull, preview or switch), however it ended: also refused by the host. */
  readonly lastFetch: RunFacts | null;
  /** The last one that was to change what runs, a switch or a rollback, and ended other than refused. */
  readonly lastSwitch: RunFacts | null;
  readonly lastTest: RunFacts | null;
}

/** The action that a compartment asks for, before policy and reachability have their say. */
export interface SuggestedAction {
  readonly label: string;
  readonly op: OpName;
  readonly args: Readonly<Record<string, unknown>>;
}

/** One of the five answers, with what follows from it for the host as a whole. */
export interface Finding {
  readonly answer: CompartmentAnswer;
  /** Why the host needs attention; null: it does not, for all that this compartment knows. */
  readonly cause: { readonly lead: string; readonly detail: string | null; readonly since: Timestamp | null } | null;
  /** The same in a few words, for when another compartment gives the cause. */
  readonly note: string | null;
  readonly action: SuggestedAction | null;
  /** The run whose failure it tells of. */
  readonly failedRun: RunId | null;
}
