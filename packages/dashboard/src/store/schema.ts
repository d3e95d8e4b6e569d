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
import type { ArmedSwitch, AwaitedProof, Inquiry, LogMarks, PhaseRecord, RunDeployment, RunOutcome } from "./stored-values.ts";

/**
 * Tables of the database, the same in every dialect. Times are milliseconds since 1970. Rows have branded ids, parsed JSON and
 * booleans: `columns.ts` lists the columns that are stored as text or number. Values were validated by a schema of the protocol before
 * they were written, so they are not validated again.
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
  /** JSON of the last known target; null: never read. */
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
  /** The agent's own host name, from its last hello. */
  hostname: string | null;
  /** From its last hello. */
  policy: HostPolicy | null;
  /** From its last hello. */
  settings: HostSettings | null;
  /** The source that it tracks, from its last hello; null: not reported. */
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

/** The state machine of a run. Its results are in `run_results`, its output in `run_logs` and `log_chunks`. */
export interface RunsTable {
  id: RunId;
  /** Counts from 1, for people. */
  number: number;
  /** Stays when the host is removed; null: the dashboard's own run. */
  host_id: HostId | null;
  /** The host's name when the run was created, in case the host is removed. */
  host_name: string | null;
  op: OpName;
  args: Record<string, unknown>;
  force: boolean;
  state: RunState;
  queue_reason: QueueReason | null;
  /** Why a queued run is held, apart from the state of its host. */
  hold: RunHold | null;
  /** Since when a queued run waits only for its host; null: since its creation, or not queued. */
  waiting_since: number | null;
  actor_kind: ActorKind;
  actor_id: string | null;
  actor_name: string;
  /** Identifies the request, so that a repetition finds the same run (R1). */
  request_key: string | null;
  /** The source whose commit it is about. */
  source_id: SourceId | null;
  /** The commit of its arguments, else the target when it was requested. */
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
  /** The host reports success, and its proof is awaited. */
  awaited_proof: AwaitedProof | null;
  /** The armed dead-man switch. Null: it is not armed, or the run has ended. */
  armed: ArmedSwitch | null;
  /** The secret for its confirmation; null: not sent yet, or ended, and not as lost. */
  confirm_secret: string | null;
  run_outcome: RunOutcome | null;
  late_report: string | null;
  /** When `advance` needs a tick if nothing is reported; null: ended. */
  due_at: number | null;
  /** Seq of its last stored event. */
  stored_seq: number;
  /** Who wrote that event on the host; null: none is stored, or an older agent's. */
  writer_id: string | null;
  /** What the host was asked about it, while that is open. */
  inquiry: Inquiry | null;
  /** It became active again, or was adopted: the host may have been given another run meanwhile. */
  reopened: boolean;
  /** The closure that ran on the host when the run ended, from its proof. Its results hold for this closure. */
  closure_at_end: string | null;
  /** The closure that a preview of `commit_id` built. */
  previewed_closure: string | null;
  /** When its results and log were removed by retention; null: they are still there. */
  pruned_at: number | null;
}

/** The results of a run, written as its events arrive. Small columns first: reading them does not read the large ones. */
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
  /** The limit of this run or its host was reached: later lines were dropped. */
  truncated: boolean;
  /** The log was removed. */
  discarded: boolean;
  /** When to join and compress its plain chunks; null: there are none. */
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

/** Running totals: bytes that the logs of a host's runs take in the database. `host_id` is empty for the dashboard's own runs. */
export interface LogUsageTable {
  host_id: string;
  stored: number;
}

/** Activations by NixFleet, from the `deployed` events of runs. */
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

/** The hosts that an entry names, to search by host. */
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
  /** PHC string of argon2id; null: cannot sign in, since the settings no longer declare this person. */
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

/** Stored answers to requests with an Idempotency-Key. */
export interface IdempotencyTable {
  /** Whose request it was: kind and id. */
  principal: string;
  key: string;
  /** Identifies the request: a fingerprint of method, path and body, keyed by the principal's secret. */
  request: string;
  status: number;
  /** Encrypted with a key derived from the principal's secret. */
  body: string;
  created_at: number;
}

/** Averages over five minutes. */
export interface MetricsHistoryTable {
  host_id: HostId;
  at: number;
  cpu: number | null;
  load: number | null;
  memory: number | null;
  network_in: number | null;
  network_out: number | null;
}
