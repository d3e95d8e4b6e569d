import { type Deployment, type HostId, opDeclaration, type RunId, shorten, TerminalState } from "@nixfleet/protocol";
import { detailsOf, type RunRow, runOf } from "../runs/records.ts";
import type { Store } from "../store/index.ts";
import type { RunInput } from "./compartments/input.ts";

/** Deployments of one closure that are looked at. */
const MOST_DEPLOYMENTS = 50;

/** What was done on a host, as far as its status depends on it. */
export interface HostHistory {
  /** Of the closures that were asked about, and the last one of all; newest first. */
  readonly deployments: readonly Deployment[];
  readonly active: RunInput | null;
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

  const runs = db.selectFrom("runs").selectAll().where("host_id", "=", hostId);
  const active = await runs.where("state", "in", ["starting", "running"]).executeTakeFirst();
  const waiting = active ?? (await runs.where("state", "=", "queued").orderBy("id").limit(1).executeTakeFirst());
  const ended = TerminalState.options.filter((state) => state !== "refused");
  const last = (op: "switch" | "test") =>
    runs.where("op", "=", op).where("state", "in", ended).orderBy("id", "desc").limit(1).executeTakeFirst();
  const [lastSwitch, lastTest] = [await last("switch"), await last("test")];

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
    active: active === undefined ? null : runInput(active),
    lastSwitch: lastSwitch === undefined ? null : runInput(lastSwitch),
    lastTest: lastTest === undefined ? null : runInput(lastTest),
    currentRun: (waiting?.id as RunId | undefined) ?? null,
  };
}

function runInput(row: RunRow): RunInput {
  const run = runOf(row);
  const { tests } = detailsOf(row);
  const reason = run.outcome?.firstError ?? run.outcome?.reason ?? null;
  return {
    id: run.id,
    op: run.request.op,
    args: run.request.args,
    state: run.state,
    commit: run.commit,
    endedAt: run.endedAt,
    phase: run.phases.at(-1)?.phase ?? null,
    firstError: reason === null ? null : shorten(reason, 300),
    closureAtEnd: row.closure_at_end,
    tests,
    // Until the runs themselves say it better.
    word: run.state,
    sentence: `${opDeclaration(run.request.op).label}.`,
  };
}
