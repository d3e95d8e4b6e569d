import type {
  ActorKind,
  AuditEntry,
  BuildProgress,
  ClosureDiff,
  Commit,
  Deployment,
  HostId,
  HostPolicy,
  HostSettings,
  OpName,
  Platform,
  Preview,
  QueueReason,
  RunHold,
  RunId,
  RunState,
  SourceId,
  TestResult,
} from "@nixfleet/protocol";
import type { ArmedSwitch, AwaitedProof, LogMarks, PhaseRecord, RunDeployment, RunOutcome } from "./stored-values.ts";

/**
 * Tables of the database, the same in every dialect. Times are milliseconds since 1970. Rows carry ids of their own kinds, JSON as
 * values and truth as booleans: `columns.ts` names the columns that are stored as text or number. What is read was written by this
 * program through a schema of the protocol, so it is not parsed by one again.
 */
export interface Database {
  meta: MetaTable;
  sources: SourcesTable;
  hosts: HostsTable;
  host_facts: HostFactsTable;
  host_tokens: HostTokensTable;
  runs: RunsTable;
  run_results: RunResultsTable;
  run_logs: RunLogsTable;
  log_chunks: LogChunksTable;
  log_usage: LogUsageTable;
  deployments: DeploymentsTable;
  audit: AuditTable;
  audit_hosts: AuditHostsTable;
  people: PeopleTable;
  sessions: SessionsTable;
  idempotency: IdempotencyTable;
  metrics_history: MetricsHistoryTable;
}

/** Single values of the dashboard itself. */
export interface MetaTable {
  key: string;
  value: string;
}

/** Config repositories that this dashboard reads or has read, each with a branch. */
export interface SourcesTable {
  id: SourceId;
  url: string;
  branch: string;
  /** JSON of what was last read of it; null: nothing yet. */
  state: string | null;
}

export interface HostsTable {
  id: HostId;
  name: string;
  /** Lower case of the name: two hosts never differ by case alone. */
  name_key: string;
  platform: Platform;
  notes: string;
  added_at: number;
  /** The name that its agent goes by, from its last hello. */
  hostname: string | null;
  /** From its last hello. */
  policy: HostPolicy | null;
  /** From its last hello. */
  settings: HostSettings | null;
  /** What it follows, from its last hello; null: it has not said so. */
  source_id: SourceId | null;
  first_connected_at: number | null;
  /** Written when the link ends, and once a minute for all that are connected (R43). */
  last_seen_at: number | null;
}

/** One fact of one host, with the time at which the host read it. */
export interface HostFactsTable {
  host_id: HostId;
  name: string;
  /** JSON of `Facts[name]`. */
  value: string;
  read_at: number;
}

export interface HostTokensTable {
  host_id: HostId;
  /** SHA-256 of the token, in hex. The token itself is nowhere. */
  hash: string;
  created_at: number;
  last_used_at: number | null;
  last_used_from: string | null;
}

/** The state machine of a run. What it brought about is in `run_results`, its output in `run_logs` and `log_chunks`. */
export interface RunsTable {
  id: RunId;
  /** Counts from 1, for people. */
  number: number;
  /** Stays when the host is removed; null: the dashboard's own run. */
  host_id: HostId | null;
  /** The host's name when the run was made, for when the host is gone. */
  host_name: string | null;
  op: OpName;
  args: Record<string, unknown>;
  force: boolean;
  state: RunState;
  queue_reason: QueueReason | null;
  /** What holds a queued run beside the state of its host. */
  hold: RunHold | null;
  /** Since when a queued run is held by nothing but its host; null: since it was made, or it is not queued. */
  waiting_since: number | null;
  actor_kind: ActorKind;
  actor_id: string | null;
  actor_name: string;
  /** Names the request that asked for it, so that the same request asked again finds it (R1). */
  request_key: string | null;
  /** The source whose commit it is about. */
  source_id: SourceId | null;
  /** The commit that it is about: of its arguments, else the target when it was asked for. */
  commit_id: Commit | null;
  subject: string | null;
  /** Milliseconds that it may take on the host. */
  deadline: number;
  created_at: number;
  /** When it was sent to the host. */
  sent_at: number | null;
  /** When the host reported its start. */
  started_at: number | null;
  ended_at: number | null;
  cancel_requested_at: number | null;
  cancel_requested_by: string | null;
  link_lost: boolean;
  /** Past half of its deadline. */
  slow: boolean;
  phases: PhaseRecord[];
  deployed: RunDeployment | null;
  /** The host says that it succeeded, and the proof is still to come. */
  awaited_proof: AwaitedProof | null;
  /** The armed dead-man switch. Null: it is not armed, or the run has ended. */
  armed: ArmedSwitch | null;
  /** What the host shows to be confirmed; null: not sent yet, or ended. */
  confirm_secret: string | null;
  run_outcome: RunOutcome | null;
  late_report: string | null;
  /** When `advance` must look at it again though nothing was reported; null: ended. */
  due_at: number | null;
  /** Last seq of its events that is stored. */
  stored_seq: number;
  /** What ran on the host when the run had ended there, by its own proof: what it says holds for this closure. */
  closure_at_end: string | null;
  /** The closure that a preview of `commit_id` gave. */
  previewed_closure: string | null;
  /** When its results and its log were removed for their age or number; null: they were not. */
  pruned_at: number | null;
}

/** What a run brought about, written as its events come. Small columns first: reading them does not read the large ones. */
export interface RunResultsTable {
  run_id: RunId;
  /** The last command that the runner started. */
  command: string[] | null;
  progress: BuildProgress | null;
  tests: TestResult[];
  run_warnings: string[];
  preview: Preview | null;
  diff: ClosureDiff | null;
}

/** Counts of a run's log. */
export interface RunLogsTable {
  run_id: RunId;
  lines: number;
  /** Bytes of UTF-8 of the text of its lines. */
  bytes: number;
  errors: number;
  warnings: number;
  first_error_line: number | null;
  /** Bytes that its chunks take in the database. */
  stored: number;
  /** The limit of this run or of its host was reached: what came after is not there. */
  truncated: boolean;
  /** The log was removed. */
  discarded: boolean;
  /** When its plain chunks are to be joined and compressed; null: there are none. */
  pack_after: number | null;
  /** When its run ended, 0 while it is being removed; null: its run is at work, or nothing of it is stored. The oldest go first. */
  ended_at: number | null;
}

/** Consecutive lines of a run's log. */
export interface LogChunksTable {
  run_id: RunId;
  /** Number of its first line, from 1. */
  first_line: number;
  count: number;
  codec: "plain" | "zstd";
  data: Uint8Array;
  /** Which of its lines have a level, for the outline; null: none. */
  marks: LogMarks | null;
}

/** Kept sums: bytes that the logs of a host's runs take in the database. `host_id` is empty for the dashboard's own runs. */
export interface LogUsageTable {
  host_id: string;
  stored: number;
}

/** What this project activated, on which host, for which commit: from the `deployed` events of runs. */
export interface DeploymentsTable {
  run_id: RunId;
  host_id: HostId;
  closure: string;
  /** Null: a generation of which no commit is known. */
  commit_id: Commit | null;
  at: number;
  generation: number | null;
  mode: Deployment["mode"];
}

/** Append-only; each entry holds the hash of the one before. */
export interface AuditTable {
  seq: number;
  at: number;
  /** Name of the actor. */
  who: string;
  /** Null in entries of earlier versions. */
  actor_kind: ActorKind | null;
  actor_id: string | null;
  /** `thing.verb` */
  action: string;
  /** The action's first part. */
  area: string;
  sentence: string;
  /** JSON of { id, name }[], as it is hashed. */
  hosts: string;
  run_id: RunId | null;
  address: string | null;
  outcome: AuditEntry["outcome"];
  previous: string;
  hash: string;
}

/** Which hosts an entry names, for finding it by one. */
export interface AuditHostsTable {
  seq: number;
  host_id: string;
  /** Lower case of the name that the host had. */
  name_key: string;
}

export interface PeopleTable {
  id: string;
  name: string;
  /** Lower case of the name. */
  name_key: string;
  role: string;
  /** PHC string of argon2id; null: cannot sign in, since the settings declare this person no more. */
  password_hash: string | null;
  /** The settings declare this person and the password. */
  declared: number;
  created_at: number;
}

export interface SessionsTable {
  /** Public id, for listing and ending it. */
  id: string;
  /** SHA-256 of the cookie's value, in hex. */
  hash: string;
  person_id: string;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
  address: string;
  agent: string;
}

/** Answers to requests with an Idempotency-Key, to be given again. */
export interface IdempotencyTable {
  /** Whose request it was: kind and id. */
  principal: string;
  key: string;
  /** Tells one request from another: a fingerprint of method, path and body, keyed by the principal's secret. */
  request: string;
  status: number;
  /** Encrypted with a key that only the principal's secret gives. */
  body: string;
  created_at: number;
}

/** Means over five minutes. */
export interface MetricsHistoryTable {
  host_id: HostId;
  at: number;
  cpu: number | null;
  load: number | null;
  memory: number | null;
  network_in: number | null;
  network_out: number | null;
}
