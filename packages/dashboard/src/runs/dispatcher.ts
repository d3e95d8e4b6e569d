import { type FromDashboard, type HostId, type QueueReason, type RunId, shorten } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Presence } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { type Change, type Reader, StorageUnavailable } from "../store/index.ts";
import { advance, dueAt } from "./advance.ts";
import { dispatchOrder, type HostQueue } from "./dispatch-order.ts";
import { PACK_AFTER } from "./log-append.ts";
import { readPreCheckFacts } from "./pre-check-facts.ts";
import { commitOf, preCheck } from "./pre-checks.ts";
import { changedColumns, type RunRow, runOf } from "./records.ts";
import type { QueuedRun, Run } from "./run.ts";
import { trackedSource } from "./tracked-source.ts";
import type { RunEffect, RunSignal } from "./transition.ts";

/** The active run of each host and its successors. Everything happens within the caller's change, which also publishes and sends. */
export interface Dispatcher {
  /** Applies a signal to a run, stores the result, and dispatches the host's next run if this one ended. */
  apply(change: Change, row: RunRow, signal: RunSignal): Promise<void>;
  /** Publishes a run that the caller stored; `before`: the run before the change, null for a new one. */
  publish(change: Change, before: Run | null, run: Run, effects: readonly RunEffect[]): void;
  /**
   * Dispatches the host's next run if the host is idle, and records why the others wait. Changes follow one another, so no two
   * dispatches see the same idle host; the index `runs_one_active` would refuse the second in any case (R12).
   */
  pump(change: Change, hostId: HostId): Promise<void>;
  /** Ends the runs of a host that is about to be removed; their history stays. */
  endRuns(change: Change, hostId: HostId): Promise<void>;
}

const unfinished = (db: Reader, hostId: HostId) =>
  db.selectFrom("runs").where("host_id", "=", hostId).where("ended_at", "is", null);

/** Active runs of the host. */
export function activeRuns(db: Reader, hostId: HostId): Promise<RunRow[]> {
  return unfinished(db, hostId).where("state", "in", ["starting", "running"]).selectAll().execute();
}

/** Whether the host has a queued or active run. */
export async function hasUnfinishedRun(db: Reader, hostId: HostId): Promise<boolean> {
  return (await unfinished(db, hostId).select("id").limit(1).executeTakeFirst()) !== undefined;
}

/** Counts the unfinished runs of a host. */
export async function readQueue(db: Reader, hostId: HostId): Promise<HostQueue> {
  const runs = await unfinished(db, hostId).select(["state", "hold"]).execute();
  const waiting = runs.filter(({ state }) => state === "queued");
  const held = waiting.filter(({ hold }) => hold !== null).length;
  return { active: waiting.length < runs.length, queued: waiting.length - held, held };
}

/** Runs whose turn may come that are read at a time: most often the first one starts. */
const TURNS_AT_ONCE = 20;

/**
 * The unfinished runs of a host that may need a decision, the oldest first: active ones, the first ones that may start,
 * and those that do not say yet why they wait. However many wait, few are read.
 */
function runsToOrder(db: Reader, hostId: HostId, connected: boolean): Promise<RunRow[]> {
  const waits: QueueReason = connected ? "host-busy" : "host-offline";
  const turns = unfinished(db, hostId)
    .select("id")
    .where("state", "=", "queued")
    .where("hold", "is", null)
    .orderBy("id")
    .limit(TURNS_AT_ONCE);
  return unfinished(db, hostId)
    .selectAll()
    .where(({ eb, or, and, not }) =>
      or([
        eb("state", "!=", "queued"),
        eb("id", "in", turns),
        eb("queue_reason", "is", null),
        and([eb("hold", "is", null), not(eb("queue_reason", "=", waits))]),
        and([eb("hold", "is not", null), not(eb("queue_reason", "=", "held"))]),
      ]),
    )
    .orderBy("id")
    .execute();
}

export interface DispatcherDeps {
  log: Logger;
  clock: Clock;
  presence: Presence;
  randomBytes(size: number): Buffer;
  /** Makes sure that due runs are checked at this time. */
  wakeAt(at: number): void;
}

const OTHER_SOURCE = "The host follows another source than when this run was requested. Start it again.";

/** 256 random bits cannot be guessed. */
const SECRET_BYTES = 32;

export function createDispatcher({ log, clock, presence, randomBytes, wakeAt }: DispatcherDeps): Dispatcher {
  function publish(change: Change, before: Run | null, run: Run, effects: readonly RunEffect[]): void {
    const { hostId } = run;
    for (const effect of effects) if (hostId !== null) change.send(hostId, messageOf(run, effect));
    if (before !== run) change.emit("run.changed", { runId: run.id, hostId });
    const due = dueAt(run);
    if (due !== null) change.afterCommit(() => wakeAt(due));
  }

  /** Applies a signal to a run, stores and publishes the result. */
  async function advanceRun(change: Change, before: Run, signal: RunSignal): Promise<Run> {
    const { run, effects } = advance(before, signal, clock.now());
    if (run !== before) {
      await change.db.updateTable("runs").set(changedColumns(run)).where("id", "=", run.id).execute();
      if (run.stage === "ended") await markLogEnded(change, run.id, run.endedAt);
      else if (before.stage === "ended") await markLogReopened(change, run.id);
    }
    publish(change, before, run, effects);
    return run;
  }

  async function apply(change: Change, row: RunRow, signal: RunSignal): Promise<void> {
    const before = runOf(row);
    const run = await advanceRun(change, before, signal);
    const freed = before.stage !== "ended" && run.stage === "ended";
    const released = before.stage === "queued" && run.stage === "queued" && before.hold !== null && run.hold === null;
    if ((freed || released) && run.hostId !== null) await pump(change, run.hostId);
  }

  async function pump(change: Change, hostId: HostId): Promise<void> {
    const connected = presence.isConnected(hostId);
    for (let turns = Number.POSITIVE_INFINITY, busy = false; turns > 0 && !busy; ) {
      const runs = (await runsToOrder(change.db, hostId, connected)).flatMap((row) => readable(row) ?? []);
      const { next, waiting } = dispatchOrder(runs, connected);
      turns = next.length;
      for (const run of runs) {
        const reason = waiting.get(run.id) ?? (busy ? "host-busy" : null);
        if (reason !== null) await advanceRun(change, run, { kind: "blocked", reason });
        else if (run.stage === "queued" && next.includes(run)) {
          const signal = await startSignal(change, run, hostId);
          await advanceRun(change, run, signal);
          busy ||= signal.kind === "dispatch";
        }
      }
    }
  }

  /** A run that this program cannot read does not block the ones behind it. */
  function readable(row: RunRow): Run | null {
    try {
      return runOf(row);
    } catch (error) {
      log.error({ err: error, runId: row.id }, "A queued run could not be read and was skipped");
      return null;
    }
  }

  /** The signal for a run whose turn has come. Pre-checks run again: the state may have changed since the request. */
  async function startSignal({ db }: Change, run: QueuedRun, hostId: HostId): Promise<RunSignal> {
    try {
      const known = await readPreCheckFacts(db, hostId, run.commit);
      const refusal = known === null ? null : preCheck(run.request, run.force, known);
      if (refusal !== null) return { kind: "refuse", by: "dashboard", ...refusal };
      if (await tracksAnother(db, hostId, run))
        return { kind: "refuse", by: "dashboard", code: "target-unknown", reason: OTHER_SOURCE };
      return { kind: "dispatch", confirmSecret: randomBytes(SECRET_BYTES).toString("base64url") };
    } catch (error) {
      if (error instanceof StorageUnavailable) throw error;
      log.error({ err: error, runId: run.id }, "A queued run could not be checked");
      return { kind: "refuse", by: "dashboard", code: "op-unknown", reason: "This dashboard no longer knows this operation." };
    }
  }

  /** Whether a run is about the target of a source that its host has left meanwhile. What names its commit itself is done anywhere. */
  async function tracksAnother(db: Reader, hostId: HostId, { request, sourceId, commit }: QueuedRun): Promise<boolean> {
    if (sourceId === null || commit === null || commitOf(request, null) !== null) return false;
    const now = (await trackedSource(db, hostId))?.sourceId ?? null;
    return now !== null && now !== sourceId;
  }

  async function endRuns(change: Change, hostId: HostId): Promise<void> {
    for (const row of await unfinished(change.db, hostId).selectAll().orderBy("id").execute()) {
      const run = readable(row);
      if (run !== null) await advanceRun(change, run, { kind: "hostRemoved" });
    }
  }

  return { apply, publish, pump, endRuns };
}

/** Lets the log of an ended run be packed, and starts its age for retention. */
export async function markLogEnded({ db }: Change, runId: RunId, endedAt: number): Promise<void> {
  await db
    .updateTable("run_logs")
    .set({ ended_at: endedAt, pack_after: endedAt + PACK_AFTER })
    .where("run_id", "=", runId)
    .where("stored", ">", 0)
    .where("discarded", "=", false)
    .execute();
}

/** The log of a run that is active again grows on. */
export async function markLogReopened({ db }: Change, runId: RunId): Promise<void> {
  await db
    .updateTable("run_logs")
    .set({ ended_at: null, pack_after: null })
    .where("run_id", "=", runId)
    .where("discarded", "=", false)
    .execute();
}

function messageOf(run: Run, effect: RunEffect): FromDashboard {
  switch (effect) {
    case "sendCancel": {
      const by = "cancel" in run ? (run.cancel?.by ?? null) : null;
      return { type: "cancelRun", runId: run.id, ...(by === null ? {} : { by: shorten(by, 100) }) };
    }
    case "askHost":
      return { type: "reportRun", runId: run.id };
    case "sendStart":
      return startMessage(run);
  }
}

function startMessage(run: Run): FromDashboard {
  const { op, args } = run.request;
  const { id: runId, commit, deadline, actor, force } = run;
  const confirmSecret = "confirmSecret" in run ? run.confirmSecret : null;
  // A run that an earlier version sent has no secret.
  const secret = confirmSecret === null ? {} : { confirmSecret };
  return { type: "startRun", runId, op, args, commit, deadline, askedBy: actor.name, force, ...secret };
}
