import {
  type FactsReading,
  type FromDashboard,
  type HostId,
  type HostPolicy,
  isTerminal,
  type OpName,
  opDeclaration,
  type Platform,
  parseOpRequest,
  REFUSALS,
  type RefusalCode,
  type RunEvent,
  type RunId,
  type UnacknowledgedRun,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Transaction } from "kysely";
import type { Bus } from "../bus.ts";
import { knownFacts, storeFacts } from "../fleet/host-facts.ts";
import type { Logger } from "../logger.ts";
import type { Database, SharedWrites, Store } from "../store/index.ts";
import { advance, dueAt, type RunEffect, type RunInput } from "./advance.ts";
import { commitOf, deadlineOf, type PreCheckFacts, preCheck, type Refusal } from "./pre-checks.ts";
import { changedColumns, newRow, type RunRow, runOf } from "./records.ts";
import { newRun, type Run } from "./run.ts";
import type { Ids } from "./run-id.ts";
import { rowOfHost, storeEvents } from "./store-events.ts";

/** What runs need of the links: whether a host is there, and a way to speak to it. A message to a host that is gone is dropped. */
export interface HostLinks {
  isConnected(hostId: HostId): boolean;
  send(hostId: HostId, message: FromDashboard): void;
}

/** What runs need to know of the target. */
export interface TargetCommit {
  commit: string;
  subject: string;
}

export interface AskedRun {
  hostId: HostId;
  op: string;
  args: unknown;
  /** Who asks, as the page and the host show it. */
  by: string;
  /** What to do when the host is offline or busy. */
  whenBlocked: "queue" | "refuse";
  force: boolean;
  /** Names the request: asked again under the same name, it gives the run that it gave before (R1). */
  requestKey?: string | null;
  /** Stores what is told of the start in the same transaction. */
  note?: ((trx: Transaction<Database>, runId: RunId) => Promise<unknown>) | undefined;
}

export type StartResult = { ok: true; runId: RunId } | { ok: false; code: "host-not-found" } | ({ ok: false } & Refusal);

/** A change of a run that is stored, or will be with its transaction, and what is still to be done about it. */
export interface RunChange {
  run: Run;
  effects: readonly RunEffect[];
  /** Number of the log's last line, if the log grew. */
  lastLine: number | null;
  /** False: nothing but the log. */
  shown: boolean;
}

export type ReceivedEvents =
  | { kind: "stored"; storedSeq: number; changes: RunChange[]; factsChanged: boolean }
  /** There is no such run, or it was never sent. */
  | { kind: "unknown" }
  /** The run is another host's. */
  | { kind: "foreign" }
  /** Events before these are missing. */
  | { kind: "gap"; storedSeq: number };

/** Runs: who may start, what is at work on each host, what waits behind it, and how each ends. */
export interface Runs extends AsyncDisposable {
  /** After a restart: no host is connected, and time has passed. */
  start(): Promise<void>;
  ask(asked: AskedRun): Promise<StartResult>;
  /** `note` stores what is told of it in the same transaction. */
  cancel(
    runId: RunId,
    by: string,
    note?: (trx: Transaction<Database>) => Promise<unknown>,
  ): Promise<{ ok: true } | { ok: false; code: "run-not-found" | "run-ended" }>;

  // What hosts say, each within a transaction of the caller's, who passes the changes on to `announce` once they are stored.
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
  /** Sends what is to be sent and says what changed. */
  announce(changes: readonly RunChange[]): void;
  stop(): Promise<void>;
}

export interface RunsDeps {
  store: Store;
  writes: SharedWrites;
  bus: Bus;
  clock: Clock;
  log: Logger;
  ids: Ids;
  links: HostLinks;
  /** The target as it is known now; null: it is not. */
  target: () => TargetCommit | null;
  /** Subject of a commit that is not the target; null: not known. */
  subjectOf?: (commit: string) => Promise<string | null>;
  /** Deadlines in milliseconds that replace the ops' own. */
  deadlines?: Partial<Record<OpName, number>>;
}

/** For this long a request that is asked again is the same request, in milliseconds. */
const REQUEST_KEPT = 24 * 60 * 60_000;

const refuse = (code: RefusalCode, reason: string = REFUSALS[code].sentence) => ({ ok: false, code, reason }) as const;

export function createRuns({ store, writes, bus, clock, log, ids, links, target, subjectOf, deadlines = {} }: RunsDeps): Runs {
  let timer: { at: number; cancel(): void } | undefined;
  let stopped = false;

  /** The run that this request has started, also if the process ended before it could say so. */
  async function askedBefore(trx: Transaction<Database>, requestKey: string): Promise<RunId | null> {
    const row = await trx
      .selectFrom("runs")
      .select(["id", "created_at"])
      .where("request_key", "=", requestKey)
      .executeTakeFirst();
    if (row === undefined) return null;
    if (clock.now() - row.created_at < REQUEST_KEPT) return row.id as RunId;
    await trx.updateTable("runs").set({ request_key: null }).where("id", "=", row.id).execute();
    return null;
  }

  /** Gives an input to a run and stores what it changes. */
  async function apply(trx: Transaction<Database>, row: RunRow, input: RunInput): Promise<RunChange[]> {
    const before = runOf(row);
    const { run, effects } = advance(before, input, clock.now());
    if (run === before && effects.length === 0) return [];
    await trx.updateTable("runs").set(changedColumns(run)).where("id", "=", run.id).execute();
    return [{ run, effects, lastLine: null, shown: true }];
  }

  const unfinished = (trx: Transaction<Database>, hostId: HostId) =>
    trx
      .selectFrom("runs")
      .selectAll()
      .where("host_id", "=", hostId)
      .where("state", "in", ["queued", "starting", "running"])
      .orderBy("id")
      .execute();

  async function checkFacts(trx: Transaction<Database>, hostId: HostId, commit: string | null): Promise<PreCheckFacts | null> {
    const host = await trx.selectFrom("hosts").select(["platform", "policy"]).where("id", "=", hostId).executeTakeFirst();
    if (host === undefined) return null;
    const facts = knownFacts(await trx.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
    const deployments = await trx
      .selectFrom("deployments")
      .select(["closure", "commit_id"])
      .where("host_id", "=", hostId)
      .execute();
    return {
      platform: host.platform as Platform,
      allowedOps: host.policy === null ? null : (JSON.parse(host.policy) as HostPolicy).allowedOps,
      facts,
      deployedCommits: (closure) => deployments.filter((made) => made.closure === closure).map((made) => made.commit_id),
      commit,
    };
  }

  /**
   * Gives the host its next run if it can take one, and tells the others why they wait. Write transactions follow one another, so
   * no two dispatches see the same idle host; the index `runs_one_active` would refuse the second in any case (R12).
   */
  async function pump(trx: Transaction<Database>, hostId: HostId): Promise<RunChange[]> {
    const rows = await unfinished(trx, hostId);
    let busy = rows.some((row) => row.state !== "queued");
    const connected = links.isConnected(hostId);
    const changes: RunChange[] = [];
    for (const row of rows.filter(({ state }) => state === "queued")) {
      let input: RunInput = { kind: "blocked", reason: connected ? "host-busy" : "host-offline" };
      if (connected && !busy) {
        const run = runOf(row);
        const known = await checkFacts(trx, hostId, run.commit);
        const refusal = known === null ? null : preCheck(run.request, run.force, known);
        input = refusal === null ? { kind: "dispatch" } : { kind: "refuse", by: "dashboard", ...refusal };
        busy = refusal === null;
      }
      changes.push(...(await apply(trx, row, input)));
    }
    return changes;
  }

  async function pumpIfEnded(trx: Transaction<Database>, changes: RunChange[]): Promise<RunChange[]> {
    const idle = new Set(changes.filter(({ run }) => isTerminal(run.state)).map(({ run }) => run.hostId));
    for (const hostId of idle) changes.push(...(await pump(trx, hostId)));
    return changes;
  }

  /** The same input for each run that is at work on the host, then the next one. */
  async function toActive(trx: Transaction<Database>, hostId: HostId, input: (row: RunRow) => RunInput): Promise<RunChange[]> {
    const changes: RunChange[] = [];
    for (const row of await unfinished(trx, hostId)) {
      if (row.state !== "queued") changes.push(...(await apply(trx, row, input(row))));
    }
    changes.push(...(await pump(trx, hostId)));
    return changes;
  }

  function announce(changes: readonly RunChange[]): void {
    for (const { run, effects, lastLine, shown } of changes) {
      for (const effect of effects) {
        links.send(run.hostId, effect === "sendStart" ? startMessage(run) : { type: "cancelRun", runId: run.id });
      }
      if (lastLine !== null) bus.emit("run.logged", { runId: run.id, lastLine });
      if (shown) bus.emit("run.changed", { runId: run.id, hostId: run.hostId });
      const due = dueAt(run);
      if (due !== null) wakeAt(due);
    }
  }

  function startMessage(run: Run): FromDashboard {
    const { op, args } = run.request;
    const { id: runId, commit, deadline, askedBy, force } = run;
    return { type: "startRun", runId, op, args, commit, deadline, askedBy, force };
  }

  function wakeAt(at: number): void {
    if (stopped || (timer !== undefined && timer.at <= at)) return;
    timer?.cancel();
    const { cancel } = clock.setTimeout(
      () => {
        timer = undefined;
        wake().catch((error: unknown) => log.error({ err: error }, "Runs that are due could not be looked at"));
      },
      Math.max(0, at - clock.now()),
    );
    timer = { at, cancel };
  }

  /** Ticks every run that is due, then sleeps until the next one is. */
  async function wake(): Promise<void> {
    const changes = await writes.add(async (trx) => {
      const due = await trx
        .selectFrom("runs")
        .selectAll()
        .where("due_at", "<=", clock.now())
        .orderBy("due_at")
        .limit(200)
        .execute();
      const ticked: RunChange[] = [];
      for (const row of due) ticked.push(...(await apply(trx, row, { kind: "tick" })));
      return await pumpIfEnded(trx, ticked);
    });
    announce(changes);
    await sleep();
  }

  async function sleep(): Promise<void> {
    const next = await store.db
      .selectFrom("runs")
      .select((eb) => eb.fn.min("due_at").as("at"))
      .executeTakeFirst();
    if (next?.at != null) wakeAt(next.at);
  }

  const runs: Runs = {
    async start() {
      const changes = await store.write(async (trx) => {
        const rows = await trx.selectFrom("runs").selectAll().where("state", "in", ["starting", "running"]).execute();
        const dropped: RunChange[] = [];
        for (const row of rows) dropped.push(...(await apply(trx, row, { kind: "linkDown" })));
        return dropped;
      });
      announce(changes);
      await sleep();
    },

    async ask({ hostId, op, args, by, whenBlocked, force, requestKey = null, note }) {
      const parsed = parseOpRequest(op, args);
      if (!parsed.ok) return refuse(parsed.code, parsed.reason);
      const { request } = parsed;
      const now = target();
      const commit = commitOf(request, now?.commit ?? null);
      const subject = commit === null ? null : commit === now?.commit ? now.subject : ((await subjectOf?.(commit)) ?? null);
      const runId = ids.run();

      const asked = await store.write(async (trx): Promise<StartResult & { changes?: RunChange[] }> => {
        const before = requestKey === null ? null : await askedBefore(trx, requestKey);
        if (before !== null) return { ok: true, runId: before };
        const known = await checkFacts(trx, hostId, commit);
        if (known === null) return { ok: false, code: "host-not-found" };
        const refusal = preCheck(request, force, known);
        if (refusal !== null) return { ok: false, ...refusal };
        const mayWait = whenBlocked === "queue" && opDeclaration(request.op).queueable;
        const connected = links.isConnected(hostId);
        if (!connected && !mayWait) return refuse("host-offline");
        if (!mayWait && (await unfinished(trx, hostId)).length > 0) return refuse("host-busy");

        const run = newRun({
          id: runId,
          hostId,
          request,
          commit,
          deadline: deadlineOf(request, deadlines),
          createdAt: clock.now(),
          askedBy: by,
          force,
          queueReason: connected ? "host-busy" : "host-offline",
        });
        const last = await trx
          .selectFrom("runs")
          .select((eb) => eb.fn.max("number").as("number"))
          .executeTakeFirst();
        await trx
          .insertInto("runs")
          .values({ ...newRow(run, { number: (last?.number ?? 0) + 1, subject }), request_key: requestKey })
          .execute();
        await note?.(trx, runId);
        const changes = await pump(trx, hostId);
        if (!changes.some((change) => change.run.id === runId)) {
          changes.push({ run, effects: [], lastLine: null, shown: true });
        }
        return { ok: true, runId, changes };
      });
      if (!asked.ok) return asked;
      announce(asked.changes ?? []);
      return { ok: true, runId: asked.runId };
    },

    async cancel(runId, by, note) {
      const changes = await store.write(async (trx) => {
        const row = await trx.selectFrom("runs").selectAll().where("id", "=", runId).executeTakeFirst();
        if (row === undefined) return "run-not-found" as const;
        if (isTerminal(runOf(row).state)) return "run-ended" as const;
        await note?.(trx);
        return await pumpIfEnded(trx, await apply(trx, row, { kind: "cancel", by }));
      });
      if (typeof changes === "string") return { ok: false, code: changes };
      announce(changes);
      return { ok: true };
    },

    async linkUp(trx, hostId, listed) {
      const known = new Map(listed.map((entry) => [entry.runId, entry.state]));
      const changes = await toActive(trx, hostId, (row) => ({ kind: "linkUp", known: known.get(row.id as RunId) ?? null }));
      for (const { runId, state } of listed) {
        const row = await rowOfHost(trx, hostId, runId);
        const atWork = row !== undefined && (row.state === "starting" || row.state === "running");
        if (row !== undefined && !atWork) changes.push(...(await apply(trx, row, { kind: "linkUp", known: state })));
      }
      return changes;
    },

    linkDown: async (trx, hostId) =>
      // It may be back by the time that this is stored.
      links.isConnected(hostId) ? [] : await toActive(trx, hostId, () => ({ kind: "linkDown" })),

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
      return { kind: "stored", storedSeq, factsChanged: proof, changes: ended ? await pumpIfEnded(trx, changes) : changes };
    },

    async refused(trx, hostId, runId, code, reason) {
      const row = await rowOfHost(trx, hostId, runId);
      if (row === undefined) return [];
      return await pumpIfEnded(trx, await apply(trx, row, { kind: "refuse", by: "agent", code, reason }));
    },

    async facts(trx, hostId, reading) {
      const factsChanged = await storeFacts(trx, hostId, reading);
      const waiting = await trx
        .selectFrom("runs")
        .selectAll()
        .where("host_id", "=", hostId)
        .where("state", "=", "running")
        .executeTakeFirst();
      if (waiting === undefined || runOf(waiting).awaitedProof === null) return { changes: [], factsChanged };
      const facts = knownFacts(await trx.selectFrom("host_facts").selectAll().where("host_id", "=", hostId).execute());
      return { changes: await pumpIfEnded(trx, await apply(trx, waiting, { kind: "facts", facts })), factsChanged };
    },

    announce,

    async stop() {
      stopped = true;
      timer?.cancel();
    },
    [Symbol.asyncDispose]: () => runs.stop(),
  };
  return runs;
}
