/**
 * Tables of the database, the same in every dialect. Times are milliseconds since 1970; truth values are 0 and 1; JSON is text
 * whose shape the column's comment names (types of `@nixfleet/protocol`), read back through the schema of that type only where a
 * stranger wrote it.
 */
export interface Database {
  meta: MetaTable;
  hosts: HostsTable;
  host_facts: HostFactsTable;
  host_tokens: HostTokensTable;
  runs: RunsTable;
  log_chunks: LogChunksTable;
  deployments: DeploymentsTable;
  audit: AuditTable;
  people: PeopleTable;
  sessions: SessionsTable;
  idempotency: IdempotencyTable;
  metrics_history: MetricsHistoryTable;
  target_state: TargetStateTable;
}

/** Single values of the dashboard itself. */
export interface MetaTable {
  key: string;
  value: string;
}

export interface HostsTable {
  id: string;
  name: string;
  /** Lower case of the name: two hosts never differ by case alone. */
  name_key: string;
  platform: string;
  notes: string;
  added_at: number;
  /** The name that its agent goes by, from its last hello. */
  hostname: string | null;
  /** JSON HostPolicy, from its last hello. */
  policy: string | null;
  /** JSON HostSettings, from its last hello. */
  settings: string | null;
  first_connected_at: number | null;
  /** Written when the link ends, and once a minute for all that are connected (R43). */
  last_seen_at: number | null;
}

/** One fact of one host, with the time at which the host read it. */
export interface HostFactsTable {
  host_id: string;
  name: string;
  /** JSON of `Facts[name]`. */
  value: string;
  read_at: number;
}

export interface HostTokensTable {
  host_id: string;
  /** SHA-256 of the token, in hex. The token itself is nowhere. */
  hash: string;
  created_at: number;
  last_used_at: number | null;
  last_used_from: string | null;
}

export interface RunsTable {
  id: string;
  /** Counts from 1, for people. */
  number: number;
  host_id: string;
  op: string;
  /** JSON, parsed by the op's own schema. */
  args: string;
  force: number;
  /** RunState */
  state: string;
  queue_reason: string | null;
  /** Who asked. */
  by: string;
  /** Names the request that asked for it, so that the same request asked again finds it (R1). */
  request_key: string | null;
  /** The commit that it is about: of its arguments, else the target when it was asked for. */
  commit_id: string | null;
  subject: string | null;
  /** Milliseconds that it may take on the host. */
  deadline: number;
  created_at: number;
  /** When it was sent to the host. */
  sent_at: number | null;
  /** When the host reported its start. */
  started_at: number | null;
  ended_at: number | null;
  cancel_asked_at: number | null;
  cancel_asked_by: string | null;
  link_lost: number;
  /** When `advance` must look at it again though nothing was reported; null: ended. */
  due_at: number | null;
  /** JSON of what `advance` keeps beside these columns: phases, what awaits its proof. */
  progress_state: string;
  /** Last seq of its events that is stored. */
  stored_seq: number;
  /** JSON string[] */
  command: string | null;
  /** JSON BuildProgress */
  progress: string | null;
  /** JSON ClosureDiff */
  diff: string | null;
  /** JSON Preview */
  preview: string | null;
  /** The closure that a preview of `commit_id` gave. */
  previewed_closure: string | null;
  /** JSON of the armed dead-man switch: until, back. Null: it is not armed, or the run has ended. */
  armed: string | null;
  /** What the host shows to be confirmed; null: not sent yet, or ended. */
  confirm_secret: string | null;
  /** JSON TestResult[] */
  tests: string;
  /** JSON string[] */
  warnings: string;
  /** JSON of how it ended: code, reason, firstError. */
  outcome: string | null;
  first_error_line: number | null;
  late_report: string | null;
  /** What ran on the host when the run had ended there, by its own proof: what it says holds for this closure. */
  closure_at_end: string | null;
  log_lines: number;
  /** Bytes of UTF-8 of the text of its lines. */
  log_bytes: number;
  log_errors: number;
  log_warnings: number;
  /** Bytes that its log takes in the database. */
  log_stored: number;
  log_compacted: number;
  log_discarded: number;
}

/** Consecutive lines of a run's log. */
export interface LogChunksTable {
  run_id: string;
  /** Number of its first line, from 1. */
  first_line: number;
  count: number;
  /** "plain" or "zstd". */
  codec: string;
  data: Uint8Array;
  /** JSON: which of its lines have a level, for the outline; null: none. */
  marks: string | null;
}

/** What this project activated, on which host, for which commit: from the `deployed` events of runs. */
export interface DeploymentsTable {
  run_id: string;
  host_id: string;
  closure: string;
  /** Null: a generation of which no commit is known. */
  commit_id: string | null;
  at: number;
  generation: number | null;
  mode: string;
}

/** Append-only; each entry holds the hash of the one before. */
export interface AuditTable {
  seq: number;
  at: number;
  who: string;
  action: string;
  sentence: string;
  /** JSON { id, name }[] */
  hosts: string;
  run_id: string | null;
  address: string | null;
  outcome: string;
  previous: string;
  hash: string;
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
  person_id: string;
  key: string;
  /** Tells one request from another: SHA-256 of method, path and body, keyed by the session where the request is `confidential`. */
  request: string;
  status: number;
  /** The answer's body; where the route is `confidential`, encrypted with a key that only the session's cookie gives. */
  body: string;
  created_at: number;
}

/** Means over five minutes. */
export interface MetricsHistoryTable {
  host_id: string;
  at: number;
  cpu: number | null;
  load: number | null;
  memory: number | null;
  network_in: number | null;
  network_out: number | null;
}

/** What was last read of the config repository, under one key each. */
export interface TargetStateTable {
  key: string;
  /** JSON */
  value: string;
}
