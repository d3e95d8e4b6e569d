import { deployedClosure, type HostRow, type HostView, type NumberedLine, type RunId } from "@nixfleet/protocol";
import { factValues, type HostRecord } from "../hosts/index.ts";
import { firstErrorLineOf } from "../runs/index.ts";
import type { SourceReader } from "../sources/index.ts";
import type { Findings } from "../status/index.ts";
import type { Store } from "../store/index.ts";
import type { FleetViewsDeps } from "./fleet-views.ts";
import type { HostHistory } from "./host-history.ts";

/** Log lines to show around the first error. */
const LINES_AROUND_ERROR = 5;

type HostViewDeps = Pick<FleetViewsDeps, "store" | "presence" | "runs" | "hosts" | "logs">;

/** The view of a host's page, without its runs. */
export async function hostView(
  { store, presence, runs, hosts, logs }: HostViewDeps,
  {
    source,
    record,
    row,
    findings,
    history,
  }: { source: SourceReader | null; record: HostRecord; row: HostRow; findings: Findings; history: HostHistory },
): Promise<HostView> {
  const { id, facts } = record;
  const link = presence.of(id);
  const readAt = Object.values(facts).map((fact) => fact.readAt);
  const closure = facts.running && deployedClosure(facts.running.value);
  const deployment = history.deployments.find((known) => known.closure === closure && known.commit === row.runs.commit);
  const deployedBy =
    deployment === undefined
      ? undefined
      : await store.db.selectFrom("runs").select("actor_name").where("id", "=", deployment.runId).executeTakeFirst();
  const { failedRun } = findings.system;
  return {
    row,
    addedAt: record.addedAt,
    notes: record.notes,
    facts: factValues(facts),
    factsReadAt: readAt.length === 0 ? null : Math.max(...readAt),
    runningSubject: row.runs.commit === null ? null : ((await source?.subject(row.runs.commit)) ?? null),
    deployedBy: deployedBy?.actor_name ?? null,
    metrics: link.metrics,
    policy: record.policy,
    settings: record.settings,
    failure: failedRun === null ? null : await runs.summary(failedRun),
    failureLog: failedRun === null ? [] : await aroundFirstError(store, logs, failedRun),
    token: await hosts.token(id),
    lastRefusedLink: link.lastRefused === null ? null : { at: link.lastRefused.at, reason: link.lastRefused.reason },
  };
}

async function aroundFirstError(store: Store, logs: HostViewDeps["logs"], runId: RunId): Promise<NumberedLine[]> {
  const row = await store.db
    .selectFrom("run_logs")
    .innerJoin("runs", "runs.id", "run_logs.run_id")
    .select(["run_logs.first_error_line", "run_logs.lines", "runs.state", "runs.run_outcome"])
    .where("run_logs.run_id", "=", runId)
    .executeTakeFirst();
  if (row === undefined || row.lines === 0) return [];
  // Without a line marked as an error, show the last ones.
  const middle = firstErrorLineOf({ state: row.state, outcome: row.run_outcome ?? undefined }, row) ?? row.lines;
  const from = Math.max(1, Math.min(middle - 2, row.lines - LINES_AROUND_ERROR + 1));
  return (await logs.read(runId, from, LINES_AROUND_ERROR)).lines;
}
