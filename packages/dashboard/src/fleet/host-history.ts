import {
  type Deployment,
  type HostId,
  OpName,
  opDeclaration,
  type RunId,
  type RunState,
  shorten,
  TerminalState,
  type TestResult,
} from "@nixfleet/protocol";
import type { Run, RunOutcome } from "../runs/index.ts";
import type { HostInput, RunInput } from "../status/index.ts";
import type { RunsTable, Store } from "../store/index.ts";

/** Deployments of one closure that are looked at. */
const MOST_DEPLOYMENTS = 50;

/** Ops that fetch a commit and may be refused for what it is. */
const FETCHING = OpName.options.filter((op) => opDeclaration(op).phases.includes("fetch"));

/** What a status needs of a run; a diff or a list of warnings can be large. */
const COLUMNS = [
  "id",
  "op",
  "args",
  "state",
  "commit_id",
  "ended_at",
  "progress_state",
  "outcome",
  "closure_at_end",
  "tests",
] as const satisfies (keyof RunsTable)[];
type Row = Pick<RunsTable, (typeof COLUMNS)[number]>;

/** What was done on a host, as far as its status depends on it. */
export interface HostHistory {
  /** Of the closures that were asked about, and the last one of all; newest first. */
  readonly deployments: readonly Deployment[];
  /** Of the closures that were asked about; newest first. */
  readonly previews: HostInput["previews"];
  readonly active: RunInput | null;
  readonly lastFetch: RunInput | null;
  readonly lastSwitch: RunInput | null;
  readonly lastTest: RunInput | null;
  /** The run at work; else the first that waits. */
  readonly currentRun: RunId | null;
}

/** Reads a host's history. `closures`: those that the host runs or would boot. */
export async function readHistory({ db }: Store, hostId: HostId, closures: readonly string[]): Promise<HostHistory> {
  const deployments = db.selectFrom("deployments").selectAll().where("host_id", "=", hostId).orderBy("run_id", "desc");
  const newest = await deployments.limit(1).execute();
  const asked =
    closures.length === 0
      ? []
      : await deployments
          .where("closure", "in", [...closures])
          .limit(MOST_DEPLOYMENTS)
          .execute();
  const known = new Map([...newest, ...asked].map((row) => [row.run_id, row]));

  const runs = db.selectFrom("runs").select(COLUMNS).where("host_id", "=", hostId);
  const active = await runs.where("state", "in", ["starting", "running"]).executeTakeFirst();
  const waiting = active ?? (await runs.where("state", "=", "queued").orderBy("id").limit(1).executeTakeFirst());
  const ended = TerminalState.options.filter((state) => state !== "refused");
  const last = (...ops: readonly OpName[]) =>
    runs.where("op", "in", ops).where("state", "in", ended).orderBy("id", "desc").limit(1).executeTakeFirst();
  const [lastSwitch, lastTest] = [await last("switch", "rollback"), await last("test")];
  const lastFetch = await runs
    .where("op", "in", FETCHING)
    .where("state", "in", TerminalState.options)
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  const previews =
    closures.length === 0
      ? []
      : await db
          .selectFrom("runs")
          .select(["commit_id", "previewed_closure"])
          .where("host_id", "=", hostId)
          .where("previewed_closure", "is not", null)
          .where("previewed_closure", "in", [...closures])
          .where("state", "=", "succeeded")
          .orderBy("id", "desc")
          .limit(MOST_DEPLOYMENTS)
          .execute();

  return {
    deployments: [...known.values()]
      .sort((a, b) => (a.run_id < b.run_id ? 1 : -1))
      .map(
        (row): Deployment => ({
          closure: row.closure,
          commit: row.commit_id,
          runId: row.run_id as RunId,
          at: row.at,
          mode: row.mode as Deployment["mode"],
          ...(row.generation === null ? {} : { generation: row.generation }),
        }),
      ),
    previews: previews.flatMap(({ commit_id: commit, previewed_closure: closure }) =>
      commit === null || closure === null ? [] : [{ commit, closure }],
    ),
    lastFetch: lastFetch === undefined ? null : runInput(lastFetch),
    active: active === undefined ? null : runInput(active),
    lastSwitch: lastSwitch === undefined ? null : runInput(lastSwitch),
    lastTest: lastTest === undefined ? null : runInput(lastTest),
    currentRun: (waiting?.id as RunId | undefined) ?? null,
  };
}

function runInput(row: Row): RunInput {
  const op = row.op as OpName;
  const outcome = row.outcome === null ? null : (JSON.parse(row.outcome) as RunOutcome);
  const { phases } = JSON.parse(row.progress_state) as Pick<Run, "phases">;
  const reason = outcome?.firstError ?? outcome?.reason ?? null;
  return {
    id: row.id as RunId,
    op,
    args: JSON.parse(row.args) as RunInput["args"],
    state: row.state as RunState,
    commit: row.commit_id,
    endedAt: row.ended_at,
    phase: phases.at(-1)?.phase ?? null,
    code: outcome?.code ?? null,
    reason: outcome?.reason == null ? null : shorten(outcome.reason, 300),
    firstError: reason === null ? null : shorten(reason, 300),
    closureAtEnd: row.closure_at_end,
    tests: JSON.parse(row.tests) as TestResult[],
    // Until the runs themselves say it better.
    word: row.state,
    sentence: `${opDeclaration(op).label}.`,
  };
}
