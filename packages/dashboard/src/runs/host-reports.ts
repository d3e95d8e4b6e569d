import {
  type FactsReading,
  type HostId,
  isTerminal,
  type RefusalCode,
  type RunEvent,
  type RunId,
  type UnacknowledgedRun,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Transaction } from "kysely";
import { knownFacts, storeFacts } from "../hosts/index.ts";
import type { Database } from "../store/index.ts";
import type { Dispatching, HostLinks, RunChange } from "./dispatcher.ts";
import { runOf } from "./records.ts";
import { rowOfHost, storeEvents } from "./store-events.ts";

export type ReceivedEvents =
  | { kind: "stored"; storedSeq: number; changes: RunChange[]; factsChanged: boolean }
  /** There is no such run, or it was never sent. */
  | { kind: "unknown" }
  /** The run is another host's. */
  | { kind: "foreign" }
  /** Events before these are missing. */
  | { kind: "gap"; storedSeq: number };

/** What hosts say, each within a transaction of the caller's, who announces the changes once they are stored. */
export interface HostReports {
  linkUp(trx: Transaction<Database>, hostId: HostId, listed: readonly UnacknowledgedRun[]): Promise<RunChange[]>;
  linkDown(trx: Transaction<Database>, hostId: HostId): Promise<RunChange[]>;
  events(trx: Transaction<Database>, hostId: HostId, runId: RunId, events: readonly RunEvent[]): Promise<ReceivedEvents>;
  refused(trx: Transaction<Database>, hostId: HostId, runId: RunId, code: RefusalCode, reason: string): Promise<RunChange[]>;
  /** Stores facts of a host; a run that waits for their proof may end. */
  facts(
    trx: Transaction<Database>,
    hostId: HostId,
    reading: FactsReading,
  ): Promise<{ changes: RunChange[]; factsChanged: boolean }>;
}

export function createHostReports({ clock, links }: { clock: Clock; links: HostLinks }, dispatching: Dispatching): HostReports {
  return {
    async linkUp(trx, hostId, listed) {
      const known = new Map(listed.map((entry) => [entry.runId, entry.state]));
      const changes = await dispatching.toActive(trx, hostId, (row) => ({
        kind: "linkUp",
        known: known.get(row.id as RunId) ?? null,
      }));
      for (const { runId, state } of listed) {
        const row = await rowOfHost(trx, hostId, runId);
        const atWork = row !== undefined && (row.state === "starting" || row.state === "running");
        if (row !== undefined && !atWork) changes.push(...(await dispatching.apply(trx, row, { kind: "linkUp", known: state })));
      }
      return changes;
    },

    linkDown: async (trx, hostId) =>
      // It may be back by the time that this is stored.
      links.isConnected(hostId) ? [] : await dispatching.toActive(trx, hostId, () => ({ kind: "linkDown" })),

    async events(trx, hostId, runId, events) {
      const row = await trx.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
      if (row === undefined) return { kind: "unknown" };
      if (row.host_id !== hostId) return { kind: "foreign" };
      if (row.state === "queued") return { kind: "unknown" };
      const stored = await storeEvents(trx, row, events, clock.now());
      if (stored === null) return { kind: "gap", storedSeq: row.stored_seq };
      const { run, effects, lastLine, changed, storedSeq, proof } = stored;
      const changes: RunChange[] = changed || lastLine !== null ? [{ run, effects, lastLine, shown: changed }] : [];
      const ended = !isTerminal(stored.before.state) && isTerminal(run.state);
      return {
        kind: "stored",
        storedSeq,
        factsChanged: proof,
        changes: ended ? await dispatching.pumpIfEnded(trx, changes) : changes,
      };
    },

    async refused(trx, hostId, runId, code, reason) {
      const row = await rowOfHost(trx, hostId, runId);
      if (row === undefined) return [];
      return await dispatching.pumpIfEnded(trx, await dispatching.apply(trx, row, { kind: "refuse", by: "agent", code, reason }));
    },

    async facts(trx, hostId, reading) {
      const factsChanged = await storeFacts(trx, hostId, reading, "now");
      const waiting = await trx
        .selectFrom("runs")
        .selectAll()
        .where("host_id", "=", hostId)
        .where("state", "=", "running")
        .executeTakeFirst();
      if (waiting === undefined || runOf(waiting).awaitedProof === null) return { changes: [], factsChanged };
      const facts = knownFacts(await trx.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
      return {
        changes: await dispatching.pumpIfEnded(trx, await dispatching.apply(trx, waiting, { kind: "facts", facts })),
        factsChanged,
      };
    },
  };
}
