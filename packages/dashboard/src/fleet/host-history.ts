import {
  type Deployment,
  type HostId,
  OpName,
  opDeclaration,
  type RunId,
  type RunState,
  shorten,
  TerminalState,
} from "@nixfleet/protocol";
import { type NotNull, type Selectable, sql } from "kysely";
import type { HostInput, RunFacts } from "../status/index.ts";
import type { DeploymentsTable, Reader, RunResultsTable, RunsTable } from "../store/index.ts";

/** Maximum deployments and previews that are read for a closure. */
const MAX_PER_CLOSURE = 50;
/** Hosts of one statement: SQLite takes 32,766 parameters. */
const HOSTS_AT_ONCE = 500;

/** Ops that fetch a commit and may be refused for what it is. */
const FETCH_OPS = OpName.options.filter((op) => opDeclaration(op).phases.includes("fetch"));
const SWITCH_OPS = ["switch", "rollback"] as const satisfies readonly OpName[];

/** The history of a host that its status depends on. */
export interface HostHistory {
  /** Deployments of the given closures, and the last deployment; newest first. */
  readonly deployments: readonly Deployment[];
  /** Previews of the given closures; newest first. */
  readonly previews: HostInput["previews"];
  readonly active: RunFacts | null;
  readonly lastFetch: RunFacts | null;
  readonly lastSwitch: RunFacts | null;
  readonly lastTest: RunFacts | null;
  /** The active run; else the first queued one. */
  readonly currentRun: RunId | null;
}

/** A host, and the closures that it runs or would boot. */
export interface HostClosures {
  readonly hostId: HostId;
  readonly closures: readonly string[];
}

/** Reads the history of hosts: as many statements for one host as for hundreds, and none that grows with the number of runs (R69). */
export async function readHistories(db: Reader, hosts: readonly HostClosures[]): Promise<Map<HostId, HostHistory>> {
  const found = new Map<HostId, HostHistory>();
  for (let first = 0; first < hosts.length; first += HOSTS_AT_ONCE) {
    const some = hosts.slice(first, first + HOSTS_AT_ONCE);
    for (const [hostId, history] of await readSome(db, some)) found.set(hostId, history);
  }
  return found;
}

async function readSome(db: Reader, hosts: readonly HostClosures[]): Promise<Map<HostId, HostHistory>> {
  const ids = hosts.map(({ hostId }) => hostId);
  const ofHost = <R extends { host_id: HostId | null }>(rows: R[]) => Map.groupBy(rows, (row) => row.host_id);
  const unfinished = ofHost(await readUnfinished(db, ids));
  const fetched = ofHost(await readLast(db, ids, FETCH_OPS, TerminalState.options));
  const ended = TerminalState.options.filter((state) => state !== "refused");
  const switched = ofHost(await readLast(db, ids, SWITCH_OPS, ended));
  const tested = ofHost(await readLast(db, ids, ["test"], ended));
  const deployed = ofHost([...(await readLastDeployments(db, ids)), ...(await readDeployments(db, hosts))]);
  const previewed = ofHost(await readPreviews(db, hosts));

  return new Map(
    ids.map((id): [HostId, HostHistory] => {
      const waiting = unfinished.get(id) ?? [];
      const active = waiting.find(({ state }) => state !== "queued");
      const known = new Map((deployed.get(id) ?? []).map((row) => [row.run_id, row]));
      return [
        id,
        {
          deployments: [...known.values()].sort((a, b) => (a.run_id < b.run_id ? 1 : -1)).map(deploymentOf),
          previews: (previewed.get(id) ?? []).flatMap(({ commit_id: commit, previewed_closure: closure }) =>
            commit === null || closure === null ? [] : [{ commit, closure }],
          ),
          active: active === undefined ? null : runFacts(active),
          lastFetch: newest(fetched.get(id)),
          lastSwitch: newest(switched.get(id)),
          lastTest: newest(tested.get(id)),
          currentRun: (active ?? waiting[0])?.id ?? null,
        },
      ];
    }),
  );
}

/** Columns that a status needs; the diff can be large and is not read. */
const COLUMNS = [
  "runs.id",
  "runs.host_id",
  "runs.op",
  "runs.args",
  "runs.state",
  "runs.commit_id",
  "runs.ended_at",
  "runs.phases",
  "runs.run_outcome",
  "runs.closure_at_end",
  "run_results.tests",
] as const;
type Row = Pick<
  Selectable<RunsTable>,
  "id" | "host_id" | "op" | "args" | "state" | "commit_id" | "ended_at" | "phases" | "run_outcome" | "closure_at_end"
> & { tests: RunResultsTable["tests"] | null };

const withResults = (db: Reader) =>
  db.selectFrom("runs").leftJoin("run_results", "run_results.run_id", "runs.id").select(COLUMNS);

/** Queued and active runs, the oldest first. */
function readUnfinished(db: Reader, ids: readonly HostId[]): Promise<Row[]> {
  return withResults(db).where("runs.host_id", "in", ids).where("runs.ended_at", "is", null).orderBy("runs.id").execute();
}

/** The last run of each op on each host in one of these states: one index lookup each. */
async function readLast(db: Reader, ids: readonly HostId[], ops: readonly OpName[], states: readonly RunState[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const op of ops) {
    const last = db
      .selectFrom("hosts")
      .select((host) =>
        host
          .selectFrom("runs")
          .select("runs.id")
          .whereRef("runs.host_id", "=", "hosts.id")
          .where("runs.op", "=", op)
          .where("runs.state", "in", states)
          .orderBy("runs.id", "desc")
          .limit(1)
          .as("id"),
      )
      .where("hosts.id", "in", ids);
    rows.push(
      ...(await withResults(db)
        .where("runs.id", "in", (query) =>
          query.selectFrom(last.as("last")).select("last.id").where("last.id", "is not", null).$narrowType<{ id: NotNull }>(),
        )
        .execute()),
    );
  }
  return rows;
}

function newest(rows: readonly Row[] | undefined): RunFacts | null {
  const last = rows?.reduce((a, b) => (a.id > b.id ? a : b));
  return last === undefined ? null : runFacts(last);
}

function readLastDeployments(db: Reader, ids: readonly HostId[]): Promise<DeploymentsTable[]> {
  const last = db
    .selectFrom("hosts")
    .select((host) =>
      host
        .selectFrom("deployments")
        .select("deployments.run_id")
        .whereRef("deployments.host_id", "=", "hosts.id")
        .orderBy("deployments.run_id", "desc")
        .limit(1)
        .as("run_id"),
    )
    .where("hosts.id", "in", ids);
  return db
    .selectFrom("deployments")
    .selectAll()
    .where("run_id", "in", (query) =>
      query
        .selectFrom(last.as("last"))
        .select("last.run_id")
        .where("last.run_id", "is not", null)
        .$narrowType<{ run_id: NotNull }>(),
    )
    .execute();
}

/** A host with one of its closures in each row. Both databases name the columns of values so. */
function pairsOf(hosts: readonly HostClosures[]) {
  const pairs = hosts.flatMap(({ hostId, closures }) => [...new Set(closures)].map((closure) => sql`(${hostId}, ${closure})`));
  if (pairs.length === 0) return null;
  return sql<{ column1: HostId; column2: string }>`(values ${sql.join(pairs)})`.as<"pairs">("pairs");
}

/** Deployments of these closures, the newest of each; in no order. */
export async function readDeployments(db: Reader, hosts: readonly HostClosures[]): Promise<DeploymentsTable[]> {
  const pairs = pairsOf(hosts);
  if (pairs === null) return [];
  return await db
    .selectFrom(pairs)
    // By their ids alone: to be found by closure first, each of thousands would be looked up among the newest.
    .innerJoin("deployments", (join) =>
      join.on("deployments.run_id", "in", (query) =>
        query
          .selectFrom("deployments as same")
          .select("same.run_id")
          .whereRef("same.host_id", "=", "pairs.column1")
          .whereRef("same.closure", "=", "pairs.column2")
          .orderBy("same.run_id", "desc")
          .limit(MAX_PER_CLOSURE),
      ),
    )
    .selectAll("deployments")
    .execute();
}

/** Which commits gave these closures in a preview, newest first. */
async function readPreviews(db: Reader, hosts: readonly HostClosures[]) {
  const pairs = pairsOf(hosts);
  if (pairs === null) return [];
  return await db
    .selectFrom(pairs)
    .innerJoin("runs", (join) =>
      join.on("runs.id", "in", (query) =>
        query
          .selectFrom("runs as same")
          .select("same.id")
          .whereRef("same.host_id", "=", "pairs.column1")
          .whereRef("same.previewed_closure", "=", "pairs.column2")
          .where("same.state", "=", "succeeded")
          .orderBy("same.id", "desc")
          .limit(MAX_PER_CLOSURE),
      ),
    )
    .select(["runs.host_id", "runs.commit_id", "runs.previewed_closure"])
    .orderBy("runs.id", "desc")
    .execute();
}

function deploymentOf(row: DeploymentsTable): Deployment {
  return {
    closure: row.closure,
    commit: row.commit_id,
    runId: row.run_id,
    at: row.at,
    mode: row.mode,
    ...(row.generation === null ? {} : { generation: row.generation }),
  };
}

function runFacts(row: Row): RunFacts {
  const { run_outcome: outcome } = row;
  const reason = outcome?.firstError ?? outcome?.reason ?? null;
  return {
    id: row.id,
    op: row.op,
    args: row.args,
    state: row.state,
    commit: row.commit_id,
    endedAt: row.ended_at,
    phase: row.phases.at(-1)?.phase ?? null,
    code: outcome?.code ?? null,
    reason: outcome?.reason == null ? null : shorten(outcome.reason, 300),
    firstError: reason === null ? null : shorten(reason, 300),
    closureAtEnd: row.closure_at_end,
    tests: row.tests ?? [],
    // Replaced by the run's own summary while it is active.
    word: row.state,
    sentence: `${opDeclaration(row.op).label}.`,
  };
}
