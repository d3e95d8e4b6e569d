import type { FactsReading, HostId, RefusalCode, RunEvent, RunId, UnacknowledgedRun } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { knownFacts, type Presence, storeFacts } from "../hosts/index.ts";
import type { Logger } from "../logger.ts";
import { type Change, StorageUnavailable, type Store } from "../store/index.ts";
import type { RunSignal } from "./advance.ts";
import { activeRuns, type Dispatcher, hasUnfinishedRun, markLogEnded } from "./dispatcher.ts";
import type { LogLimits } from "./log-append.ts";
import type { RunRow } from "./records.ts";
import { storeEvents } from "./store-events.ts";

export type EventsResult =
  | { kind: "stored"; storedSeq: number }
  /** There is no such run, or it was never sent. */
  | { kind: "unknown" }
  /** The run belongs to another host. */
  | { kind: "foreign" }
  /** Events before these are missing. */
  | { kind: "gap"; storedSeq: number };

/** Handles reports of hosts. Without a given change, each run gets its own, so that one broken run does not block the others. */
export interface HostReports {
  /** The host has said which runs it has. `startedSince`: runs that were sent to it after that, of which it has said nothing. */
  linkUp(hostId: HostId, listed: readonly UnacknowledgedRun[], startedSince: ReadonlySet<RunId>): Promise<void>;
  linkDown(hostId: HostId): Promise<void>;
  events(change: Change, hostId: HostId, runId: RunId, events: readonly RunEvent[]): Promise<EventsResult>;
  refused(change: Change, hostId: HostId, runId: RunId, code: RefusalCode, reason: string): Promise<void>;
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

  return {
    async linkUp(hostId, listed, startedSince) {
      const known = new Map(listed.map((entry) => [entry.runId, entry.state]));
      await signalRuns(hostId, known.keys(), ({ id }) => {
        const state = known.get(id) ?? null;
        return state === null && startedSince.has(id) ? null : { kind: "linkUp", known: state };
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
      }
      return { kind: "stored", storedSeq };
    },

    async refused(change, hostId, runId, code, reason) {
      const row = await rowOfHost(change, hostId, runId);
      if (row !== undefined) await dispatcher.apply(change, row, { kind: "refuse", by: "agent", code, reason });
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
      const facts = knownFacts(await change.db.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
      await dispatcher.apply(change, waiting, { kind: "facts", facts });
    },
  };
}

/** The row of a run if it belongs to this host: a host reports for itself only (R51). */
async function rowOfHost({ db }: Change, hostId: HostId, runId: RunId): Promise<RunRow | undefined> {
  return await db.selectFrom("runs").selectAll().where("id", "=", runId).where("host_id", "=", hostId).executeTakeFirst();
}
