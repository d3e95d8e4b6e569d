import { type FromDashboard, type HostId, isTerminal } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Transaction } from "kysely";
import type { Database } from "../store/index.ts";
import { advance, type RunEffect, type RunInput } from "./advance.ts";
import { readPreCheckFacts } from "./pre-check-facts.ts";
import { preCheck } from "./pre-checks.ts";
import { changedColumns, type RunRow, runOf } from "./records.ts";
import type { Run } from "./run.ts";

/** What runs need of the links: whether a host is there, and a way to speak to it. A message to a host that is gone is dropped. */
export interface HostLinks {
  isConnected(hostId: HostId): boolean;
  send(hostId: HostId, message: FromDashboard): void;
  /** Whether the host's agent answers a ping before the signal aborts. False at once if it is not connected. */
  answers(hostId: HostId, signal: AbortSignal): Promise<boolean>;
}

/** A change of a run that is stored, or will be with its transaction, and what is still to be done about it. */
export interface RunChange {
  run: Run;
  effects: readonly RunEffect[];
  /** Number of the log's last line, if the log grew. */
  lastLine: number | null;
  /** False: nothing but the log. */
  shown: boolean;
}

/** What is at work on each host and what follows it. All within the caller's transaction. */
export interface Dispatching {
  /** Gives an input to a run and stores what it changes. */
  apply(trx: Transaction<Database>, row: RunRow, input: RunInput): Promise<RunChange[]>;
  /**
   * Gives the host its next run if it can take one, and tells the others why they wait. Write transactions follow one another, so
   * no two dispatches see the same idle host; the index `runs_one_active` would refuse the second in any case (R12).
   */
  pump(trx: Transaction<Database>, hostId: HostId): Promise<RunChange[]>;
  /** The same changes, with those of the runs that may begin since a run has ended. */
  pumpIfEnded(trx: Transaction<Database>, changes: readonly RunChange[]): Promise<RunChange[]>;
  /** The same input for each run that is at work on the host, then the next one. */
  toActive(trx: Transaction<Database>, hostId: HostId, input: (row: RunRow) => RunInput): Promise<RunChange[]>;
}

/** Runs of the host that wait or are at work, the oldest first. */
export function unfinishedRuns(trx: Transaction<Database>, hostId: HostId): Promise<RunRow[]> {
  return trx
    .selectFrom("runs")
    .selectAll()
    .where("host_id", "=", hostId)
    .where("state", "in", ["queued", "starting", "running"])
    .orderBy("id")
    .execute();
}

export interface DispatchingDeps {
  clock: Clock;
  links: HostLinks;
  randomBytes(size: number): Buffer;
}

/** 256 random bits cannot be guessed, however often somebody asks. */
const SECRET_BYTES = 32;

export function createDispatching({ clock, links, randomBytes }: DispatchingDeps): Dispatching {
  async function apply(trx: Transaction<Database>, row: RunRow, input: RunInput): Promise<RunChange[]> {
    const before = runOf(row);
    const { run, effects } = advance(before, input, clock.now());
    if (run === before && effects.length === 0) return [];
    await trx.updateTable("runs").set(changedColumns(run)).where("id", "=", run.id).execute();
    return [{ run, effects, lastLine: null, shown: true }];
  }

  async function pump(trx: Transaction<Database>, hostId: HostId): Promise<RunChange[]> {
    const rows = await unfinishedRuns(trx, hostId);
    let busy = rows.some((row) => row.state !== "queued");
    const connected = links.isConnected(hostId);
    const changes: RunChange[] = [];
    for (const row of rows.filter(({ state }) => state === "queued")) {
      let input: RunInput = { kind: "blocked", reason: connected ? "host-busy" : "host-offline" };
      if (connected && !busy) {
        const run = runOf(row);
        const known = await readPreCheckFacts(trx, hostId, run.commit);
        const refusal = known === null ? null : preCheck(run.request, run.force, known);
        input =
          refusal === null
            ? { kind: "dispatch", confirmSecret: randomBytes(SECRET_BYTES).toString("base64url") }
            : { kind: "refuse", by: "dashboard", ...refusal };
        busy = refusal === null;
      }
      changes.push(...(await apply(trx, row, input)));
    }
    return changes;
  }

  async function pumpIfEnded(trx: Transaction<Database>, changes: readonly RunChange[]): Promise<RunChange[]> {
    const idle = new Set(changes.filter(({ run }) => isTerminal(run.state)).map(({ run }) => run.hostId));
    const all = [...changes];
    for (const hostId of idle) all.push(...(await pump(trx, hostId)));
    return all;
  }

  async function toActive(trx: Transaction<Database>, hostId: HostId, input: (row: RunRow) => RunInput): Promise<RunChange[]> {
    const changes: RunChange[] = [];
    for (const row of await unfinishedRuns(trx, hostId)) {
      if (row.state !== "queued") changes.push(...(await apply(trx, row, input(row))));
    }
    changes.push(...(await pump(trx, hostId)));
    return changes;
  }

  return { apply, pump, pumpIfEnded, toActive };
}
