import type {
  FactsReading,
  FromAgentOf,
  HeldRequest,
  HeldRun,
  HostId,
  LogLine,
  RefusalCode,
  RunEvent,
  RunId,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { type KnownFacts, knownFacts, type Presence, storeFacts } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { type Change, type Reader, StorageUnavailable, type Store } from "../store/index.ts";
import { adoptRun } from "./adopt-run.ts";
import { activeRuns, type Dispatcher, hasUnfinishedRun, markLogEnded, markLogReopened } from "./dispatcher.ts";
import { appendLines, type LogLimits } from "./log-append.ts";
import { type RunRow, runOf } from "./records.ts";
import { commonSeq, writerAt } from "./spool-position.ts";
import { storeEvents } from "./store-events.ts";
import type { HeldState, RunSignal } from "./transition.ts";

export type EventsResult =
  | { kind: "stored"; storedSeq: number }
  /** There is no such run, or it was never sent. */
  | { kind: "unknown" }
  /** The run belongs to another host. */
  | { kind: "foreign" }
  /** Events before these are missing. */
  | { kind: "gap"; storedSeq: number };

/** What a welcome says of a run. `known`: its events may be sent. */
export interface RunPosition {
  readonly runId: RunId;
  readonly storedSeq: number;
  readonly known: boolean;
}

/** Handles reports of hosts. Without a given change, each run gets its own, so that one broken run does not block the others. */
export interface HostReports {
  /**
   * For each run that a hello lists, the last of its events that is stored and that the host still has. To be called before the agent
   * is welcomed: it sends the events behind these.
   */
  positions(hostId: HostId, listed: readonly HeldRun[]): Promise<RunPosition[]>;
  /** The host has said which runs it holds. `startedSince`: runs that were sent to it after that, of which it has said nothing. */
  linkUp(hostId: HostId, listed: readonly HeldRun[], startedSince: ReadonlySet<RunId>): Promise<void>;
  linkDown(hostId: HostId): Promise<void>;
  events(change: Change, hostId: HostId, runId: RunId, events: readonly RunEvent[]): Promise<EventsResult>;
  refused(change: Change, hostId: HostId, runId: RunId, code: RefusalCode, reason: string): Promise<void>;
  /** The host tells what it holds of a run. Gives the seq up to which nothing more of it is wanted, if that has changed. */
  reported(change: Change, hostId: HostId, report: FromAgentOf<"runReport">): Promise<number | null>;
  /** Stores facts of a host; a run that waits for their proof may end. */
  facts(change: Change, hostId: HostId, reading: FactsReading): Promise<void>;
}

export interface HostReportsDeps {
  store: Store;
  clock: Clock;
  log: Logger;
  presence: Presence;
  logLimits: LogLimits;
}

/** How long a change may wait for others to share its transaction, in milliseconds. */
const BATCH_DELAY = 100;
const WAIT = { whenUnavailable: "wait" } as const;

export function createHostReports(
  { store, clock, log, presence, logLimits }: HostReportsDeps,
  dispatcher: Dispatcher,
): HostReports {
  /** Applies a signal to a run of the host, if the run still exists. */
  async function signalRun(hostId: HostId, runId: RunId, signalOf: (row: RunRow) => RunSignal | null): Promise<void> {
    try {
      await store.change(
        async (change) => {
          const row = await rowOfHost(change, hostId, runId);
          const signal = row === undefined ? null : signalOf(row);
          if (row !== undefined && signal !== null) await dispatcher.apply(change, row, signal);
        },
        { batchDelay: BATCH_DELAY, whenUnavailable: "wait" },
      );
    } catch (error) {
      if (error instanceof StorageUnavailable) throw error;
      log.error({ err: error, hostId, runId }, "A run could not be updated after its host's link changed");
    }
  }

  /** Applies a signal to active and listed runs, then dispatches the host's next run. */
  async function signalRuns(hostId: HostId, listed: Iterable<RunId>, signalOf: (row: RunRow) => RunSignal | null): Promise<void> {
    const active = (await activeRuns(store.db, hostId)).map(({ id }) => id);
    const mayWait = await hasUnfinishedRun(store.db, hostId);
    await Promise.all([...new Set([...active, ...listed])].map((id) => signalRun(hostId, id, signalOf)));
    if (!mayWait) return;
    await store.change((change) => dispatcher.pump(change, hostId), { batchDelay: BATCH_DELAY, whenUnavailable: "wait" });
  }

  async function rowsOf(listed: readonly HeldRun[]): Promise<Map<RunId, RunRow>> {
    if (listed.length === 0) return new Map();
    const ids = listed.map(({ runId }) => runId);
    const rows = await store.db.selectFrom("runs").selectAll().where("id", "in", ids).execute();
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** Adds a line of the dashboard's own to a run's log. */
  async function note(change: Change, row: RunRow, text: string): Promise<void> {
    const now = clock.now();
    const lines: LogLine[] = [{ at: now, stream: "agent", text, level: "warning" }];
    const lastLine = await appendLines(change, { runId: row.id, hostId: row.host_id, endedAt: row.ended_at }, lines, {
      now,
      limits: logLimits,
    });
    if (lastLine !== null) change.emit("run.logged", { runId: row.id, lastLine });
  }

  /** The host has lost events that are stored here. What is stored stays; what the host tells from now on follows it. */
  async function putBack(change: Change, row: RunRow, { writers }: HeldRun, common: number): Promise<void> {
    await change.db
      .updateTable("runs")
      .set({ stored_seq: common, writer_id: writerAt(common, writers) })
      .where("id", "=", row.id)
      .execute();
    const lost = common + 1 === row.stored_seq ? `event ${row.stored_seq}` : `events ${common + 1} to ${row.stored_seq}`;
    await note(
      change,
      row,
      `The host no longer has ${lost} of this run: it was put back to an earlier state, or its disk lost them. What it tells from here on follows.`,
    );
  }

  /** A run that has ended on its host, which cannot tell all of its events. */
  async function endWithoutEvents(
    change: Change,
    row: RunRow,
    held: NonNullable<FromAgentOf<"runReport">["held"]>,
    fault: string,
  ): Promise<number> {
    const storedSeq = Math.max(row.stored_seq, held.lastSeq);
    const run = runOf(row);
    if (run.stage === "ended" && (run.outcome.reported || run.lateReport !== null)) return storedSeq;
    if (row.stored_seq < held.lastSeq) {
      await note(change, row, `The rest of this log could not be read on the host: ${fault}`);
      const writer_id = writerAt(held.lastSeq, held.writers);
      await change.db.updateTable("runs").set({ stored_seq: storedSeq, writer_id }).where("id", "=", row.id).execute();
    }
    const facts = await factsOf(change.db, row.host_id);
    const now = (await change.db.selectFrom("runs").selectAll().where("id", "=", row.id).executeTakeFirst()) ?? row;
    const state: HeldState =
      held.outcome === undefined
        ? { state: "finished", unclear: fault }
        : { state: "finished", ended: { outcome: held.outcome, at: held.endedAt ?? clock.now(), facts } };
    await dispatcher.apply(change, now, { kind: "answer", held: state });
    return storedSeq;
  }

  return {
    async positions(hostId, listed) {
      const rows = await rowsOf(listed);
      const positions: RunPosition[] = [];
      for (const entry of listed) {
        const row = rows.get(entry.runId);
        // A queued run was never sent: a host that has it received it before the database was put back to an earlier state.
        if (row === undefined || row.host_id !== hostId || row.state === "queued") {
          positions.push({ runId: entry.runId, storedSeq: 0, known: false });
          continue;
        }
        const common = entry.state === "queued" ? 0 : commonSeq({ seq: row.stored_seq, writerId: row.writer_id }, entry);
        const storedSeq = row.run_outcome?.reported === true ? row.stored_seq : common;
        if (storedSeq < row.stored_seq) await store.change((change) => putBack(change, row, entry, storedSeq), WAIT);
        positions.push({ runId: entry.runId, storedSeq, known: true });
      }
      return positions;
    },

    async linkUp(hostId, listed, startedSince) {
      const held = new Map(listed.map((entry) => [entry.runId, entry]));
      const rows = await rowsOf(listed);
      for (const { runId } of listed) {
        const row = rows.get(runId);
        if (row === undefined || (row.host_id === hostId && row.state === "queued"))
          presence.send(hostId, { type: "reportRun", runId, fromSeq: 1 });
      }
      const facts = await factsOf(store.db, hostId);
      await signalRuns(hostId, held.keys(), (row) => {
        const entry = held.get(row.id);
        if (entry !== undefined) return { kind: "linkUp", held: heldState(entry, row, facts) };
        return startedSince.has(row.id) ? null : { kind: "linkUp", held: null };
      });
    },

    // The host may have reconnected by the time this is stored.
    linkDown: (hostId) => signalRuns(hostId, [], () => (presence.isConnected(hostId) ? null : { kind: "linkDown" })),

    async events(change, hostId, runId, events) {
      const row = await change.db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
      if (row === undefined) return { kind: "unknown" };
      if (row.host_id !== hostId) return { kind: "foreign" };
      if (row.state === "queued") return { kind: "unknown" };
      const stored = await storeEvents(change, row, events, { now: clock.now(), limits: logLimits });
      if (stored === null) return { kind: "gap", storedSeq: row.stored_seq };
      const { before, run, effects, lastLine, changed, storedSeq } = stored;
      if (lastLine !== null) change.emit("run.logged", { runId, lastLine });
      if (changed) dispatcher.publish(change, before === run ? null : before, run, effects);
      if (before.stage !== "ended" && run.stage === "ended") {
        await markLogEnded(change, runId, run.endedAt);
        await dispatcher.pump(change, hostId);
      } else if (before.stage === "ended" && run.stage !== "ended") await markLogReopened(change, runId);
      return { kind: "stored", storedSeq };
    },

    async refused(change, hostId, runId, code, reason) {
      const row = await rowOfHost(change, hostId, runId);
      if (row !== undefined) await dispatcher.apply(change, row, { kind: "refuse", by: "agent", code, reason });
    },

    async reported(change, hostId, { runId, held, fault }) {
      const found = await change.db.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
      if (found !== undefined && found.host_id !== hostId) return null;
      let row = found;
      if (row === undefined && held?.request !== undefined) {
        const adopted = await adoptRun(change, { runId, hostId, held: held.request, now: clock.now() });
        if (adopted === null) return null;
        dispatcher.publish(change, null, adopted, []);
        row = await rowOfHost(change, hostId, runId);
      }
      if (row === undefined) return null;
      if (held === null || held.state !== "finished" || fault === undefined) {
        const facts = await factsOf(change.db, hostId);
        await dispatcher.apply(change, row, { kind: "answer", held: held && heldState(held, row, facts) });
        return null;
      }
      return await endWithoutEvents(change, row, held, fault);
    },

    async facts(change, hostId, reading) {
      await storeFacts(change, hostId, reading, "now");
      const waiting = await change.db
        .selectFrom("runs")
        .selectAll()
        .where("host_id", "=", hostId)
        .where("ended_at", "is", null)
        .where("awaited_proof", "is not", null)
        .executeTakeFirst();
      if (waiting === undefined) return;
      await dispatcher.apply(change, waiting, { kind: "facts", facts: await factsOf(change.db, hostId) });
    },
  };
}

/** The row of a run if it belongs to this host: a host reports for itself only (R51). */
async function rowOfHost({ db }: Change, hostId: HostId, runId: RunId): Promise<RunRow | undefined> {
  return await db.selectFrom("runs").selectAll().where("id", "=", runId).where("host_id", "=", hostId).executeTakeFirst();
}

async function factsOf(db: Reader, hostId: HostId | null): Promise<KnownFacts> {
  if (hostId === null) return {};
  return knownFacts(await db.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
}

/** What a host says of a run, beside what is stored of it: with its outcome if no more events will come. */
function heldState(
  { state, lastSeq, outcome, endedAt, request }: Omit<HeldRun, "runId"> & { request?: HeldRequest | undefined },
  { stored_seq: storedSeq, started_at: startedAt, sent_at: sentAt }: RunRow,
  facts: KnownFacts,
): HeldState {
  const confirmSecret = request?.confirmSecret ?? null;
  if (state !== "finished" || outcome === undefined || lastSeq > storedSeq) return { state, confirmSecret };
  return { state, confirmSecret, ended: { outcome, at: endedAt ?? startedAt ?? sentAt ?? 0, facts } };
}
