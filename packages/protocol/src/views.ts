import * as z from "zod";
import { Facts, HostPolicy, HostSettings, LockInput, Metrics } from "./facts.ts";
import { Commit, HostId, RunId, SourceId, Timestamp } from "./ids.ts";
import { OpName } from "./ops.ts";
import { BuildProgress, ClosureDiff, Preview, TestResult } from "./run-events.ts";
import { ActorKind, Compartment, Phase, Platform, QueueReason, Reachability, Role, RunHold, RunState, Status } from "./words.ts";

/** One of the five answers about a host. The word has at most 14 characters. */
export const CompartmentAnswer = z.object({ status: Status, word: z.string().max(14), sentence: z.string() });
export type CompartmentAnswer = z.infer<typeof CompartmentAnswer>;

/** The one action that helps a host now, and the request that a click on it sends. */
export const NextAction = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("start"),
    label: z.string().describe("Pull, Switch, Run tests, Retry, Queue pull, …"),
    op: OpName,
    args: z.record(z.string(), z.unknown()),
    whenBlocked: z.enum(["queue", "refuse"]).describe("What to do when the host is offline or busy"),
    compartment: Compartment.nullable().describe("The compartment that suggests it"),
  }),
  z.object({ kind: z.literal("open-run"), label: z.string(), runId: RunId }),
]);
export type NextAction = z.infer<typeof NextAction>;

/** How a host's commit relates to the target. */
export const CommitRelation = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("equal") }),
  z.object({ kind: z.literal("behind"), behind: z.number().int() }),
  z.object({ kind: z.literal("ahead"), ahead: z.number().int() }),
  z.object({ kind: z.literal("diverged"), ahead: z.number().int(), behind: z.number().int() }),
  z.object({ kind: z.literal("unknown") }).describe("The mirror does not have this commit"),
]);
export type CommitRelation = z.infer<typeof CommitRelation>;

export const PhaseView = z.object({
  phase: Phase,
  state: z.enum(["done", "current", "to-come", "failed", "skipped"]),
  startedAt: Timestamp.nullable(),
  endedAt: Timestamp.nullable(),
  estimate: z.number().nullable().describe("Milliseconds that it usually takes on this host"),
  share: z.number().min(0).max(1).nullable().describe("Done share of the current phase; null: its length is not known"),
});
export type PhaseView = z.infer<typeof PhaseView>;

/** The part of a run that every page shows; `RunView` has the rest. */
export const RunSummary = z.object({
  id: RunId,
  number: z.number().int().describe("Counts the dashboard's runs from 1; for people"),
  hostId: HostId.nullable().describe("Null: the dashboard's own run. The host may have been removed"),
  hostName: z.string().describe("The current name; for a removed host, its name when the run was created"),
  op: OpName,
  title: z.string().describe("Switch to 7f3a91c"),
  state: RunState,
  status: Status,
  word: z.string().describe("Build 61 %, queued, succeeded, …"),
  sentence: z.string().describe("The current state or the outcome, with the first error"),
  queueReason: QueueReason.nullable(),
  hold: RunHold.nullable().describe("Why a queued run is held, apart from the state of its host"),
  by: z.string().describe("Name of the actor"),
  actorKind: ActorKind,
  createdAt: Timestamp,
  startedAt: Timestamp.nullable(),
  endedAt: Timestamp.nullable(),
  phases: z.array(PhaseView),
  remaining: z.number().nullable().describe("Estimated milliseconds until it ends"),
  slow: z.boolean().describe("Past half of its deadline"),
  linkLost: z.boolean(),
  cancelling: z.boolean(),
});
export type RunSummary = z.infer<typeof RunSummary>;

export const RunOutcomeView = z.object({
  code: z.string().nullable().describe("Failure or refusal code"),
  sentence: z.string(),
  next: z.string().nullable(),
  reason: z.string().nullable(),
  firstError: z.string().nullable(),
  firstErrorLine: z.number().int().nullable().describe("Line of the log"),
});
export type RunOutcomeView = z.infer<typeof RunOutcomeView>;

export const RunView = z.object({
  summary: RunSummary,
  args: z.record(z.string(), z.unknown()),
  force: z.boolean(),
  commit: Commit.nullable(),
  subject: z.string().nullable(),
  deadlineAt: Timestamp.nullable(),
  command: z.array(z.string()).nullable().describe("The last command that the runner started"),
  progress: BuildProgress.nullable(),
  diff: ClosureDiff.nullable(),
  preview: Preview.nullable(),
  armed: z
    .object({ until: Timestamp, back: z.string() })
    .nullable()
    .describe("While it waits to be confirmed: the deadline, and the closure that the host goes back to otherwise"),
  tests: z.array(TestResult),
  warnings: z.array(z.string()),
  outcome: RunOutcomeView.nullable(),
  lateReport: z.string().nullable().describe("Report of the host that arrived after the run had ended"),
  cancelWarning: z.string().nullable().describe("Possible consequences of cancelling now"),
  mayCancel: z.boolean(),
  retry: NextAction.nullable(),
  usualDuration: z.number().nullable().describe("Milliseconds, from the last runs of this op on this host"),
  log: z.object({
    lines: z.number().int(),
    bytes: z.number().int(),
    errors: z.number().int(),
    warnings: z.number().int(),
    discarded: z.boolean().describe("The log was removed, by age or size"),
  }),
});
export type RunView = z.infer<typeof RunView>;

/** A commit between the running system and the previewed one. */
export const CommitView = z.object({
  commit: Commit,
  subject: z.string(),
  author: z.string(),
  at: Timestamp,
  url: z.string().nullable(),
});
export type CommitView = z.infer<typeof CommitView>;

/** The last preview of a host, and the action that it allows now. */
export const ChangesView = z.object({
  run: RunSummary.nullable().describe("The active preview, else the last one; null: none yet"),
  preview: Preview.nullable().describe("Of the last successful preview of a commit"),
  previewedAt: Timestamp.nullable(),
  diff: ClosureDiff.nullable(),
  commits: z
    .array(CommitView)
    .describe("Commits that the previewed commit has and the running one lacks; newest first, at most 200"),
  commitsComplete: z.boolean().describe("False: there are more, or the mirror does not know the running commit"),
  standing: z
    .enum(["fresh", "target-moved", "host-changed", "none"])
    .describe("Whether it compares the current target with the running system"),
  sentence: z.string().describe("Summary in one line"),
  action: NextAction.nullable().describe("The suggested action: preview, preview again, or switch to exactly this closure"),
  forced: NextAction.nullable().describe(
    "The switch to exactly this closure that is refused unless it is forced, since it can cut the host off; null: none",
  ),
});
export type ChangesView = z.infer<typeof ChangesView>;

export const GenerationView = z.object({
  number: z.number().int(),
  at: Timestamp,
  closure: z.string().nullable().describe("Null: it was garbage-collected"),
  commit: Commit.nullable(),
  subject: z.string().nullable(),
  by: z.string().nullable().describe("Who deployed it from this dashboard"),
  runId: RunId.nullable(),
  marks: z.array(z.enum(["running", "next-boot", "booted", "last-known-good"])),
  rollback: NextAction.nullable().describe("Null: already running, or cannot be activated"),
  denied: z.string().nullable().describe("Why it cannot be activated"),
});
export type GenerationView = z.infer<typeof GenerationView>;

/** A line of a log with its number, from 1. */
export const NumberedLine = z.object({
  n: z.number().int().min(1),
  at: Timestamp,
  stream: z.string(),
  text: z.string(),
  level: z.enum(["error", "warning", "noise"]).optional(),
  continues: z.literal(true).optional(),
});
export type NumberedLine = z.infer<typeof NumberedLine>;

/** Line numbers by level, up to the last line stored at the time of the request; noise as ranges, both ends included. */
export const LogOutline = z.object({
  last: z.number().int(),
  errors: z.array(z.number().int()).max(1000),
  warnings: z.array(z.number().int()).max(1000),
  noise: z.array(z.tuple([z.number().int(), z.number().int()])).max(10_000),
});
export type LogOutline = z.infer<typeof LogOutline>;

export const HostRow = z.object({
  id: HostId,
  name: z.string(),
  platform: Platform,
  sourceId: SourceId.nullable().describe("The source that it tracks, declared here or not; null: not known yet"),
  system: z.string().nullable(),
  tags: z.array(z.string()),
  location: z.string().nullable(),
  deviceType: z.string().nullable(),
  color: z.string().nullable().describe("#rrggbb from its configuration; null: the page chooses a color"),
  reachability: z.object({ state: Reachability, since: Timestamp.nullable() }),
  status: Status.describe("The worst of its compartments, or working"),
  since: Timestamp.nullable().describe("Since when it needs attention"),
  cause: z
    .object({ lead: z.string(), detail: z.string().nullable() })
    .nullable()
    .describe("Why it needs attention; null: it needs none"),
  compartments: z.record(Compartment, CompartmentAnswer),
  next: NextAction.nullable(),
  deniedOps: z.partialRecord(OpName, z.string()).describe("Ops that cannot be started now, with the reason"),
  runs: z.object({
    commit: Commit.nullable(),
    since: Timestamp.nullable(),
    generation: z.number().int().nullable(),
    specialisation: z.string().nullable().describe("The specialisation of it that runs; null: none"),
  }),
  specialisations: z.array(z.string()).describe("Those that a switch can be asked for, as far as what runs tells"),
  relation: CommitRelation.describe("How the pulled commit relates to the target"),
  load: z.number().nullable(),
  cores: z.number().int().nullable(),
  memory: z.number().min(0).max(1).nullable(),
  disk: z.number().min(0).max(1).nullable().describe("Of the fullest disk"),
  run: RunSummary.nullable().describe("The active run; else the first queued one"),
  conflict: z.string().nullable(),
});
export type HostRow = z.infer<typeof HostRow>;

export const HostView = z.object({
  row: HostRow,
  addedAt: Timestamp,
  notes: z.string(),
  facts: Facts.partial(),
  factsReadAt: Timestamp.nullable(),
  runningSubject: z.string().nullable(),
  deployedBy: z.string().nullable(),
  metrics: Metrics.nullable(),
  policy: HostPolicy.nullable(),
  settings: HostSettings.nullable(),
  failure: RunSummary.nullable().describe("The last switch, if it failed and the failure is not resolved"),
  failureLog: z.array(NumberedLine).describe("The lines around its first error"),
  token: z.object({ createdAt: Timestamp, lastUsedAt: Timestamp.nullable(), lastUsedFrom: z.string().nullable() }).nullable(),
  lastRefusedLink: z.object({ at: Timestamp, reason: z.string() }).nullable().describe("Why the last link was not accepted"),
});
export type HostView = z.infer<typeof HostView>;

const sourceFields = {
  sourceId: SourceId,
  repoUrl: z.string(),
  branch: z.string(),
  flakeDir: z.string().optional().describe("Folder of the flake within the repository; absent: its root"),
};

const neverRead = z.object({
  state: z.literal("never-read"),
  ...sourceFields,
  problem: z.string().nullable().describe("Why the last fetch failed"),
  next: z.string().nullable(),
});

const known = z.object({
  state: z.literal("known"),
  ...sourceFields,
  commit: Commit,
  subject: z.string(),
  author: z.string(),
  committedAt: Timestamp,
  fetchedAt: Timestamp.describe("When the config repository was last fetched successfully"),
  lockHash: z.string().nullable(),
  inputs: z.record(z.string(), LockInput),
  url: z.string().nullable().describe("Web page of the commit; null: the forge is not known"),
  stale: z.boolean().describe("The grace period for failed fetches is over: nothing can be proven current"),
  problem: z.string().nullable().describe("Why the last fetch failed"),
  next: z.string().nullable(),
});

/** A declared source with its target, the commit that its hosts should run. */
export const SourceView = z.discriminatedUnion("state", [neverRead, known]);
export type SourceView = z.infer<typeof SourceView>;

/** The target of a fleet with one source. */
export const TargetView = z.discriminatedUnion("state", [z.object({ state: z.literal("not-configured") }), neverRead, known]);
export type TargetView = z.infer<typeof TargetView>;

export const AuditEntry = z.object({
  seq: z.number().int(),
  at: Timestamp,
  who: z.string().describe("Name of the actor"),
  actorKind: ActorKind.nullable().describe("Null in entries of earlier versions"),
  action: z.string().describe("run.start, run.cancel, host.add, session.start, …"),
  sentence: z.string(),
  hosts: z.array(z.object({ id: z.string(), name: z.string() })),
  runId: RunId.nullable(),
  from: z.string().nullable().describe("Address"),
  outcome: z.enum(["done", "refused", "failed"]),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const Session = z.object({
  person: z.object({ name: z.string(), role: Role }),
  csrf: z.string().describe("Send it as X-CSRF-Token with every request that changes something"),
});
export type Session = z.infer<typeof Session>;

export const SessionListing = z.object({
  id: z.string(),
  createdAt: Timestamp,
  lastSeenAt: Timestamp,
  address: z.string(),
  agent: z.string(),
  current: z.boolean(),
});
export type SessionListing = z.infer<typeof SessionListing>;

/** Facts about the dashboard itself, for the page. */
export const ServerInfo = z.object({
  version: z.string(),
  startedAt: Timestamp,
  repoUrl: z.string().nullable(),
  origin: z.string(),
  notice: z.string().nullable().describe("A sentence from the operator, shown on every page"),
  storage: z.string().nullable().describe("Why nothing can be stored now; null: storage works"),
});
export type ServerInfo = z.infer<typeof ServerInfo>;
