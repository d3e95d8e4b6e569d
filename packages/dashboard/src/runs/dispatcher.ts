import { type FromDashboard, type HostId, isTerminal, type QueueReason } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Presence } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { type Change, type Reader, StorageUnavailable } from "../store/index.ts";
import { advance, dueAt, type RunEffect, type RunInput } from "./advance.ts";
import { readPreCheckFacts } from "./pre-check-facts.ts";
import { preCheck } from "./pre-checks.ts";
import { changedColumns, type RunRow, runOf } from "./records.ts";
import type { Run } from "./run.ts";

/** What is at work on each host and what follows it. All within the caller's change, which publishes and sends what follows. */
export interface Dispatcher {
  /** Gives an input to a run, stores what it changes, and gives the host its next run if this one ended. */
  apply(change: Change, row: RunRow, input: RunInput): Promise<void>;
  /** Publishes a run that was stored by the caller: `before` is what it was, null for a new one. */
  publish(change: Change, before: Run | null, run: Run, effects: readonly RunEffect[]): void;
  /**
   * Gives the host its next run if it can take one, and tells the others why they wait. Changes follow one another, so no two
   * dispatches see the same idle host; the index `runs_one_active` would refuse the second in any case (R12).
   */
  pump(change: Change, hostId: HostId): Promise<void>;
}

/** Runs of the host that wait or are at work, the oldest first. */
export function unfinishedRuns(db: Reader, hostId: HostId): Promise<RunRow[]> {
  return db
    .selectFrom("runs")
    .selectAll()
    .where("host_id", "=", hostId)
    .where("state", "in", ["queued", "starting", "running"])
    .orderBy("id")
    .execute();
}

export interface DispatcherDeps {
  log: Logger;
  clock: Clock;
  presence: Presence;
  randomBytes(size: number): Buffer;
  /** There is a run that is due then. */
  wakeAt(at: number): void;
}

/** 256 random bits cannot be guessed, however often somebody asks. */
const SECRET_BYTES = 32;

export function createDispatcher({ log, clock, presence, randomBytes, wakeAt }: DispatcherDeps): Dispatcher {
  function publish(change: Change, before: Run | null, run: Run, effects: readonly RunEffect[]): void {
    for (const effect of effects) {
      change.send(run.hostId, effect === "sendStart" ? startMessage(run) : { type: "cancelRun", runId: run.id });
    }
    if (before !== run) change.emit("run.changed", { runId: run.id, hostId: run.hostId });
    const due = dueAt(run);
    if (due !== null) change.afterCommit(() => wakeAt(due));
  }

  async function advanceRow(change: Change, row: RunRow, input: RunInput): Promise<{ ended: boolean }> {
    const before = runOf(row);
    const { run, effects } = advance(before, input, clock.now());
    if (run !== before) await change.db.updateTable("runs").set(changedColumns(run)).where("id", "=", run.id).execute();
    publish(change, before, run, effects);
    return { ended: !isTerminal(before.state) && isTerminal(run.state) };
  }

  async function apply(change: Change, row: RunRow, input: RunInput): Promise<void> {
    const { ended } = await advanceRow(change, row, input);
    if (ended) await pump(change, row.host_id as HostId);
  }

  async function pump(change: Change, hostId: HostId): Promise<void> {
    const rows = await unfinishedRuns(change.db, hostId);
    let busy = rows.some((row) => row.state !== "queued");
    const connected = presence.isConnected(hostId);
    for (const row of rows.filter(({ state }) => state === "queued")) {
      try {
        const input = await nextInput(change, row, connected && !busy, connected ? "host-busy" : "host-offline");
        busy ||= input.kind === "dispatch";
        await advanceRow(change, row, input);
      } catch (error) {
        if (error instanceof StorageUnavailable) throw error;
        // One that this program cannot handle stops none behind it. Its row is as it was: nothing is written before all is decided.
        log.error({ err: error, runId: row.id }, "A queued run could not be looked at");
      }
    }
  }

  /** What comes next for a queued run. */
  async function nextInput({ db }: Change, row: RunRow, free: boolean, reason: QueueReason): Promise<RunInput> {
    if (!free) return { kind: "blocked", reason };
    const run = runOf(row);
    const known = await readPreCheckFacts(db, run.hostId, run.commit);
    const refusal = known === null ? null : preCheck(run.request, run.force, known);
    return refusal === null
      ? { kind: "dispatch", confirmSecret: randomBytes(SECRET_BYTES).toString("base64url") }
      : { kind: "refuse", by: "dashboard", ...refusal };
  }

  return { apply, publish, pump };
}

function startMessage(run: Run): FromDashboard {
  const { op, args } = run.request;
  const { id: runId, commit, deadline, askedBy, force, confirmSecret } = run;
  // A run that an earlier version has sent has none, and asks for none.
  const secret = confirmSecret === null ? {} : { confirmSecret };
  return { type: "startRun", runId, op, args, commit, deadline, askedBy, force, ...secret };
}
