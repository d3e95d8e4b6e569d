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

/** Facts about a host, for its compartments. */
export interface HostInput {
  readonly name: string;
  readonly facts: Partial<Facts>;
  /** Deployments from this dashboard, newest first. */
  readonly deployments: readonly Deployment[];
  /** Closures that previews built, with their commits; newest first. */
  readonly previews: readonly { readonly commit: Commit; readonly closure: string }[];
  /** A second machine claims to be this host: the sentence to show. */
  readonly conflict: string | null;
  /** Its agent was rejected for its protocol version: the sentence to show. */
  readonly unsupported: string | null;
}

/** The target of the host's source, for its compartments. */
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
      /** By commit; a commit without an entry is not known to the mirror. */
      readonly standings: ReadonlyMap<Commit, Standing>;
    };

export type KnownTarget = Extract<TargetInput, { state: "known" }>;
export type UnknownSource = Extract<TargetInput, { state: "unknown-source" }>;

/** The parts of a run that the host's status depends on. */
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
  /** The reason for its outcome, as a sentence. */
  readonly reason: string | null;
  /** The tool's own first line of failure, else the reason. */
  readonly firstError: string | null;
  /** The closure that ran on the host when the run ended, from its proof. */
  readonly closureAtEnd: string | null;
  readonly tests: readonly TestResult[];
  /** Shown while it is active. */
  readonly word: string;
  readonly sentence: string;
}

export interface RunsInput {
  /** The run that is starting or running. */
  readonly active: RunFacts | null;
  /** The last pull, preview or switch with any outcome, also refused by the host. */
  readonly lastFetch: RunFacts | null;
  /** The last switch or rollback that was not refused. */
  readonly lastSwitch: RunFacts | null;
  readonly lastTest: RunFacts | null;
}

/** The action that a compartment suggests, before policy and reachability are considered. */
export interface SuggestedAction {
  readonly label: string;
  readonly op: OpName;
  readonly args: Readonly<Record<string, unknown>>;
}

/** One of the five answers, with its consequences for the whole host. */
export interface Finding {
  readonly answer: CompartmentAnswer;
  /** Why the host needs attention; null: this compartment needs none. */
  readonly cause: { readonly lead: string; readonly detail: string | null; readonly since: Timestamp | null } | null;
  /** The same in a few words, used when another compartment gives the cause. */
  readonly note: string | null;
  readonly action: SuggestedAction | null;
  /** The failed run that this is about. */
  readonly failedRun: RunId | null;
}
