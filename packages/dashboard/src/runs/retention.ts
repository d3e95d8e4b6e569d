import type { HostId, RunId } from "@nixfleet/protocol";
import type { Change, Store } from "../store/index.ts";
import { addUsage, OWN_RUNS, readUsage } from "./log-append.ts";

/** How long runs and their logs are kept, and how many. */
export interface RetentionLimits {
  /** Milliseconds for which the log of a run that has ended is kept. */
  readonly logAge: number;
  /** Bytes that all logs may take in the database; the oldest go first. */
  readonly logBytes: number;
  /** Bytes that the logs of one host may take. */
  readonly hostLogBytes: number;
  /** Milliseconds for which a run that has ended is kept. */
  readonly runAge: number;
  /** Runs of one host that are kept. */
  readonly runsPerHost: number;
}

/** Runs or chunks of one transaction: others have their turn in between. */
const RUNS_AT_ONCE = 20;
const CHUNKS_AT_ONCE = 16;
/** Runs of one statement that are passed over. */
const STEP = 500;
/** Of a host that has reached its limit, so much of it is kept: else each new line would remove an old log. */
const HOST_SHARE_KEPT = 0.9;

/** When a log ended that is being removed: before all others, so that one which is half gone is the first to go on. */
const GOES_ON_FIRST = 0;

interface EndedRun {
  readonly runId: RunId;
  readonly hostId: HostId | null;
}

/** Lets others have their turn. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Removes logs that are too old or take too much room, the oldest first (R44). Never one of a run at work. */
export async function retainLogs(store: Store, limits: RetentionLimits, now: number, signal: AbortSignal): Promise<void> {
  const oldest = (before: number) =>
    store.db
      .selectFrom("run_logs")
      .innerJoin("runs", "runs.id", "run_logs.run_id")
      .select(["run_logs.run_id as runId", "runs.host_id as hostId"])
      .where("run_logs.ended_at", "is not", null)
      .where("run_logs.ended_at", "<", before)
      .orderBy("run_logs.ended_at")
      .limit(RUNS_AT_ONCE)
      .execute();

  const tooOld = Math.max(now - limits.logAge, GOES_ON_FIRST + 1);
  for (let logs = await oldest(tooOld); logs.length > 0 && !signal.aborted; logs = await oldest(tooOld)) {
    for (const log of logs) await discardLog(store, log, signal);
  }
  for (const { host_id, stored } of await readUsages(store)) {
    if (stored > limits.hostLogBytes * HOST_SHARE_KEPT) {
      const hostId = host_id === OWN_RUNS ? null : (host_id as HostId);
      await retainHostLogs(store, hostId, limits.hostLogBytes * HOST_SHARE_KEPT, signal);
    }
  }
  while (!signal.aborted) {
    const total = (await readUsages(store)).reduce((sum, { stored }) => sum + stored, 0);
    if (total <= limits.logBytes) return;
    const [log] = await oldest(Number.MAX_SAFE_INTEGER);
    // What is left is of runs at work.
    if (log === undefined) return;
    await discardLog(store, log, signal);
  }
}

/** One row for each host: the kept sums, so that no log is looked at. */
const readUsages = (store: Store) => store.db.selectFrom("log_usage").selectAll().execute();

async function retainHostLogs(store: Store, hostId: HostId | null, limit: number, signal: AbortSignal): Promise<void> {
  let after = "";
  while (!signal.aborted) {
    if ((await readUsage(store.db, hostId)) <= limit) return;
    const runs = await store.db
      .selectFrom("runs")
      .innerJoin("run_logs", "run_logs.run_id", "runs.id")
      .select("runs.id")
      .where("runs.host_id", hostId === null ? "is" : "=", hostId)
      .where("runs.id", ">", after as RunId)
      .where("run_logs.ended_at", "is not", null)
      .orderBy("runs.id")
      .limit(1)
      .execute();
    const runId = runs[0]?.id;
    if (runId === undefined) return;
    await discardLog(store, { runId, hostId }, signal);
    after = runId;
  }
}

/** Removes a log, a few chunks at a time. Killed in between, it goes on at the next round: the log counts as discarded from the first. */
async function discardLog(store: Store, { runId, hostId }: EndedRun, signal: AbortSignal): Promise<void> {
  for (let first = true; !signal.aborted; first = false) {
    const done = await store.change(async (change) => {
      if (first) {
        await change.db
          .updateTable("run_logs")
          .set({ discarded: true, pack_after: null, ended_at: GOES_ON_FIRST })
          .where("run_id", "=", runId)
          .execute();
        change.emit("run.changed", { runId, hostId });
      }
      return await deleteChunks(change, { runId, hostId });
    });
    if (done) return;
    await pause();
  }
}

async function deleteChunks(change: Change, { runId, hostId }: EndedRun): Promise<boolean> {
  const chunks = await change.db
    .selectFrom("log_chunks")
    .select(["first_line", (eb) => eb.fn<number>("length", ["data"]).as("size")])
    .where("run_id", "=", runId)
    .orderBy("first_line")
    .limit(CHUNKS_AT_ONCE)
    .execute();
  const lines = chunks.map((chunk) => chunk.first_line);
  const size = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  if (lines.length > 0) {
    await change.db.deleteFrom("log_chunks").where("run_id", "=", runId).where("first_line", "in", lines).execute();
    await addUsage(change, hostId, -size);
  }
  const done = lines.length < CHUNKS_AT_ONCE;
  await change.db
    .updateTable("run_logs")
    .set((eb) => ({ stored: eb("stored", "-", size), ...(done ? { ended_at: null } : {}) }))
    .where("run_id", "=", runId)
    .execute();
  return done;
}

/**
 * Removes runs that are too old or too many: their results and their log, and the rows of those that nothing names. The last run of
 * each op and host stays as it is; every deployment, and what the audit trail names, stays as a short row.
 */
export async function retainRuns(store: Store, limits: RetentionLimits, now: number, signal: AbortSignal): Promise<void> {
  let after = { endedAt: 0, id: "" };
  while (!signal.aborted) {
    const old = await store.db
      .selectFrom("runs")
      .select(["id as runId", "host_id as hostId", "ended_at as endedAt"])
      .where("pruned_at", "is", null)
      .where("ended_at", "is not", null)
      .where("ended_at", "<", now - limits.runAge)
      .where("ended_at", ">=", after.endedAt)
      .where((eb) => eb.or([eb("ended_at", ">", after.endedAt), eb("id", ">", after.id as RunId)]))
      .orderBy("ended_at")
      .orderBy("id")
      .limit(RUNS_AT_ONCE)
      .execute();
    for (const run of old) await pruneRun(store, run, now, signal);
    const last = old.at(-1);
    if (last === undefined) break;
    after = { endedAt: last.endedAt ?? 0, id: last.runId };
    await pause();
  }
  for (const { id: hostId } of await store.db.selectFrom("hosts").select("id").execute()) {
    await retainRunsOfHost(store, hostId, limits.runsPerHost, now, signal);
    await pause();
  }
}

async function retainRunsOfHost(store: Store, hostId: HostId, most: number, now: number, signal: AbortSignal): Promise<void> {
  const kept = store.db.selectFrom("runs").select("id as runId").where("host_id", "=", hostId).where("pruned_at", "is", null);
  let first = await kept.orderBy("id", "desc").limit(1).executeTakeFirst();
  // Behind as many as are kept begin those that are too many. A few at a time: how many are kept is for others to say.
  for (let left = most; first !== undefined && left > 0 && !signal.aborted; left -= STEP) {
    const from = first.runId;
    first = await kept.where("id", "<=", from).orderBy("id", "desc").offset(Math.min(STEP, left)).limit(1).executeTakeFirst();
  }
  if (first === undefined) return;
  const newest = first.runId;
  let after = "";
  while (!signal.aborted) {
    const many = await kept
      .where("id", "<=", newest)
      .where("id", ">", after as RunId)
      .where("ended_at", "is not", null)
      .orderBy("id")
      .limit(RUNS_AT_ONCE)
      .execute();
    for (const { runId } of many) await pruneRun(store, { runId, hostId }, now, signal);
    const last = many.at(-1);
    if (last === undefined) return;
    after = last.runId;
    await pause();
  }
}

async function pruneRun(store: Store, run: EndedRun, now: number, signal: AbortSignal): Promise<void> {
  const { runId, hostId } = run;
  if (await isLastOfItsOp(store, run)) return;
  const log = await store.db.selectFrom("run_logs").select("stored").where("run_id", "=", runId).executeTakeFirst();
  if (log !== undefined && log.stored > 0) await discardLog(store, run, signal);
  if (signal.aborted) return;
  await store.change(async (change) => {
    const { db } = change;
    await db.deleteFrom("run_results").where("run_id", "=", runId).execute();
    const deployment = await db.selectFrom("deployments").select("run_id").where("run_id", "=", runId).executeTakeFirst();
    const entry = await db.selectFrom("audit").select("seq").where("run_id", "=", runId).limit(1).executeTakeFirst();
    if (deployment === undefined && entry === undefined) await db.deleteFrom("runs").where("id", "=", runId).execute();
    else await db.updateTable("runs").set({ pruned_at: now }).where("id", "=", runId).execute();
    change.emit("run.changed", { runId, hostId });
  });
}

async function isLastOfItsOp(store: Store, { runId, hostId }: EndedRun): Promise<boolean> {
  if (hostId === null) return false;
  const run = await store.db.selectFrom("runs").select("op").where("id", "=", runId).executeTakeFirst();
  if (run === undefined) return true;
  const last = await store.db
    .selectFrom("runs")
    .select("id")
    .where("host_id", "=", hostId)
    .where("op", "=", run.op)
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return last?.id === runId;
}
