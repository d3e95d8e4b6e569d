import type { HostId, RunId } from "@nixfleet/protocol";
import type { Change, Store } from "../store/index.ts";
import { addUsage, OWN_RUNS, readUsage } from "./log-append.ts";

/** Limits on the age and number of runs, and on the age and size of their logs. */
export interface RetentionLimits {
  /** Maximum age of an ended run's log in milliseconds, from the end of the run. */
  readonly logAge: number;
  /** Maximum total size of all logs in the database, in bytes. The oldest are removed first. */
  readonly logBytes: number;
  /** Maximum total size of one host's logs in the database, in bytes. */
  readonly hostLogBytes: number;
  /** Maximum age of an ended run in milliseconds, from its end. */
  readonly runAge: number;
  /** Maximum number of runs per host. */
  readonly runsPerHost: number;
}

/** Number of runs per query, and of chunks per transaction: small, so that other work can run in between. */
const RUNS_AT_ONCE = 20;
const CHUNKS_AT_ONCE = 16;
/** Maximum number of rows that one query skips. */
const OFFSET_STEP = 500;
/** Share of its limit to which a host's logs are reduced. With no room to spare, each new line would remove another log. */
const HOST_SHARE_KEPT = 0.9;

/** `ended_at` of a log that is being removed: earlier than any other, so that an interrupted removal is resumed first. */
const REMOVAL_STARTED = 0;

interface EndedRun {
  readonly runId: RunId;
  readonly hostId: HostId | null;
}

/** Lets other work run. */
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Removes logs that are too old or exceed a size limit, the oldest first (R44). Logs of unfinished runs are never removed. */
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

  const tooOld = Math.max(now - limits.logAge, REMOVAL_STARTED + 1);
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
    // Only logs of unfinished runs are left.
    if (log === undefined) return;
    await discardLog(store, log, signal);
  }
}

/** Reads the stored total of each host, which needs no access to the logs themselves. */
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

/** Removes a log a few chunks at a time. It counts as discarded at once, and an interrupted removal is resumed in the next round. */
async function discardLog(store: Store, { runId, hostId }: EndedRun, signal: AbortSignal): Promise<void> {
  for (let first = true; !signal.aborted; first = false) {
    const done = await store.change(async (change) => {
      if (first) {
        await change.db
          .updateTable("run_logs")
          .set({ discarded: true, pack_after: null, ended_at: REMOVAL_STARTED })
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
 * Prunes runs beyond the limits: removes results and log, and the row itself unless it is a deployment or the audit trail refers to it.
 * The last run of each op and host is not pruned.
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

async function retainRunsOfHost(store: Store, hostId: HostId, limit: number, now: number, signal: AbortSignal): Promise<void> {
  const unpruned = store.db.selectFrom("runs").select("id as runId").where("host_id", "=", hostId).where("pruned_at", "is", null);
  let first = await unpruned.orderBy("id", "desc").limit(1).executeTakeFirst();
  // Skip the newest runs, up to the limit, in several steps: the limit is a setting and may be large.
  for (let left = limit; first !== undefined && left > 0 && !signal.aborted; left -= OFFSET_STEP) {
    const from = first.runId;
    first = await unpruned
      .where("id", "<=", from)
      .orderBy("id", "desc")
      .offset(Math.min(OFFSET_STEP, left))
      .limit(1)
      .executeTakeFirst();
  }
  if (first === undefined) return;
  const newest = first.runId;
  let after = "";
  while (!signal.aborted) {
    const excess = await unpruned
      .where("id", "<=", newest)
      .where("id", ">", after as RunId)
      .where("ended_at", "is not", null)
      .orderBy("id")
      .limit(RUNS_AT_ONCE)
      .execute();
    for (const { runId } of excess) await pruneRun(store, { runId, hostId }, now, signal);
    const last = excess.at(-1);
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
