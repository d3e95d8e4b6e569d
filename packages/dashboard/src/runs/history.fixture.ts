import { randomBytes } from "node:crypto";
import type { HostId, LogLine, OpName, OpRequest, RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { createIds } from "../ids.ts";
import { openTestStore } from "../store/store.fixture.ts";
import { markLogEnded } from "./dispatcher.ts";
import { appendLines, type LogLimits } from "./log-append.ts";
import { changedColumns, newRow } from "./records.ts";
import type { RetentionLimits } from "./retention.ts";
import { endedRun, queuedRun } from "./run.fixture.ts";

export const DAY = 86_400_000;

/** Limits that keep everything. */
export const KEEP_ALL: RetentionLimits = {
  logAge: 1e15,
  logBytes: 1e15,
  hostLogBytes: 1e15,
  runAge: 1e15,
  runsPerHost: 1e9,
};

export const NO_LIMITS: LogLimits = { runBytes: 1e15, hostBytes: 1e15 };

export const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({ at: 1, stream: "nix", text, ...more });

export interface SampleRun {
  /** Null: a run of the dashboard itself. */
  host: HostId | null;
  op?: OpName;
  /** When it ended, in days after the clock's start; null: it is queued. */
  ended?: number | null;
  lines?: readonly string[];
  deployed?: boolean;
  audited?: boolean;
}

/** Opens a store to which tests of packing and retention add hosts and past runs. */
export async function openHistory() {
  const clock = createFakeClock();
  const { store, bus, publish } = await openTestStore({ clock });
  const ids = createIds({ now: clock.now, randomBytes });
  const start = clock.now();
  let number = 0;

  const addHost = async (name: string): Promise<HostId> => {
    const id = ids.host();
    const host = { id, name, name_key: name, platform: "nixos" as const, notes: "", added_at: 0 };
    await store.change(({ db }) => db.insertInto("hosts").values(host).execute());
    return id;
  };

  const append = (runId: RunId, hostId: HostId | null, lines: readonly LogLine[], more: Partial<AppendOptions> = {}) => {
    const { endedAt = null, limits = NO_LIMITS } = more;
    return store.change((change) => appendLines(change, { runId, hostId, endedAt }, lines, { now: clock.now(), limits }));
  };

  const addRun = async ({ host, op = "pull", ended = 0, lines = [], deployed, audited }: SampleRun): Promise<RunId> => {
    const id = ids.run();
    const order = { id, hostId: host, request: { op, args: {} } as OpRequest };
    const endedAt = ended === null ? null : start + ended * DAY;
    const run = endedAt === null ? queuedRun(order) : endedRun("succeeded", { ...order, endedAt });
    await store.change(async (change) => {
      const { db } = change;
      await db
        .insertInto("runs")
        .values(newRow(run, { number: ++number, subject: null }))
        .execute();
      await db
        .insertInto("run_results")
        .values({ run_id: id, command: null, progress: null, tests: [], run_warnings: ["careful"], preview: null, diff: null })
        .execute();
      if (deployed && host !== null) {
        const deployment = { run_id: id, host_id: host, closure: "/nix/store/c", commit_id: null, at: 1, generation: 1 };
        await db
          .insertInto("deployments")
          .values({ ...deployment, mode: "switch" })
          .execute();
      }
      if (audited) {
        const actor = { kind: "person", id: "1", name: "ada" } as const;
        change.audit({ actor, action: "run.start", sentence: "ada asked.", outcome: "done", runId: id });
      }
    });
    if (lines.length > 0)
      await append(
        id,
        host,
        lines.map((text) => line(text)),
        { endedAt },
      );
    return id;
  };

  /** Ends a queued run now. */
  const end = async (runId: RunId, hostId: HostId | null): Promise<number> => {
    const endedAt = clock.now();
    const columns = changedColumns(endedRun("succeeded", { id: runId, hostId, endedAt }));
    await store.change(async (change) => {
      await change.db.updateTable("runs").set(columns).where("id", "=", runId).execute();
      await markLogEnded(change, runId, endedAt);
      change.emit("run.changed", { runId, hostId });
    });
    return endedAt;
  };

  /** Reads what is stored of a run: its row (`short` if it is pruned), its results and the chunks of its log. */
  const look = async (runId: RunId) => {
    const { db } = store;
    const row = await db.selectFrom("runs").select("pruned_at").where("id", "=", runId).executeTakeFirst();
    const results = await db.selectFrom("run_results").select("run_id").where("run_id", "=", runId).executeTakeFirst();
    const chunks = await db.selectFrom("log_chunks").select("first_line").where("run_id", "=", runId).execute();
    const log = await db.selectFrom("run_logs").select("discarded").where("run_id", "=", runId).executeTakeFirst();
    return {
      row: row === undefined ? "gone" : row.pruned_at === null ? "whole" : "short",
      results: results !== undefined,
      chunks: chunks.length,
      discarded: log?.discarded ?? false,
    };
  };

  /** The stored totals and the actual size of all chunks, by host and by run. */
  const sums = async () => {
    const { db } = store;
    const chunks = await db
      .selectFrom("log_chunks")
      .innerJoin("runs", "runs.id", "log_chunks.run_id")
      .select(["runs.host_id", "run_id", "data"])
      .execute();
    const real = { hosts: new Map<string, number>(), runs: new Map<string, number>() };
    for (const { host_id, run_id, data } of chunks) {
      const host = host_id ?? "";
      real.hosts.set(host, (real.hosts.get(host) ?? 0) + data.byteLength);
      real.runs.set(run_id, (real.runs.get(run_id) ?? 0) + data.byteLength);
    }
    const some = (entries: [string, number][]) => new Map(entries.filter(([, stored]) => stored !== 0));
    const usage = await db.selectFrom("log_usage").selectAll().execute();
    const logs = await db.selectFrom("run_logs").select(["run_id", "stored"]).execute();
    return {
      kept: {
        hosts: some(usage.map(({ host_id, stored }) => [host_id, stored])),
        runs: some(logs.map(({ run_id, stored }) => [run_id, stored])),
      },
      real: { hosts: some([...real.hosts]), runs: some([...real.runs]) },
    };
  };

  return { store, bus, publish, clock, addHost, addRun, append, end, look, sums, [Symbol.asyncDispose]: () => store.close() };
}

interface AppendOptions {
  endedAt: number | null;
  limits: LogLimits;
}
