import { type HostId, type RunId, TerminalState } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import { StorageUnavailable, type Store } from "../store/index.ts";
import { CHUNK_LINES } from "./log.ts";
import { compress, markLines, packLines, unpackLines } from "./log-chunk.ts";

/** A log is packed this long after its run has ended and nothing more came, in milliseconds. */
const PACK_AFTER = 10_000;
const KEEP_INTERVAL = 60 * 60_000;
/** Chunks that are packed, or runs whose logs are discarded, in one transaction: others have their turn in between. */
const CHUNKS_AT_ONCE = 64;
const RUNS_AT_ONCE = 20;

/** Packs the logs of runs that have ended, and discards those that are too old or too many (R44). */
export interface LogKeeper extends AsyncDisposable {
  start(): void;
  /** Packs what waits now. */
  pack(): Promise<void>;
  /** Discards what is beyond the limits now. */
  retain(): Promise<void>;
  stop(): Promise<void>;
}

export interface LogKeeperDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  /** How long the log of a run that has ended is kept, in milliseconds. */
  keepFor: number;
  /** How much room all logs may take in the database, in bytes; the oldest go first. */
  keepBytes: number;
}

export function createLogKeeper({ store, bus, clock, log, keepFor, keepBytes }: LogKeeperDeps): LogKeeper {
  const ending = new AbortController();
  const timers = new Map<string, { cancel(): void }>();
  let working: Promise<void> = Promise.resolve();

  /** One task after another. A failure is told; the next time it is tried again. */
  function task(name: string, work: () => Promise<void>): Promise<void> {
    working = working.then(work).catch((error: unknown) => {
      if (!(error instanceof StorageUnavailable)) log.error({ err: error, task: name }, "Logs could not be kept in order");
    });
    return working;
  }

  function later(name: string, after: number, work: () => void): void {
    if (ending.signal.aborted || timers.has(name)) return;
    timers.set(
      name,
      clock.setTimeout(() => {
        timers.delete(name);
        work();
      }, after),
    );
  }

  async function packAll(): Promise<void> {
    while (!ending.signal.aborted) {
      const row = await store.db
        .selectFrom("runs")
        .select("id")
        .where("state", "in", [...TerminalState.options])
        .where("log_compacted", "=", 0)
        .where("ended_at", "<=", clock.now() - PACK_AFTER)
        .orderBy("id")
        .limit(1)
        .executeTakeFirst();
      if (row === undefined) return;
      await packRun(row.id as RunId);
    }
  }

  /** Joins plain chunks into full ones and compresses those. A crash between two steps leaves a log that is whole. */
  async function packRun(runId: RunId): Promise<void> {
    while (!ending.signal.aborted) {
      const plain = await store.db
        .selectFrom("log_chunks")
        .selectAll()
        .where("run_id", "=", runId)
        .where("codec", "=", "plain")
        .orderBy("first_line")
        .limit(CHUNKS_AT_ONCE)
        .execute();
      if (plain.length === 0) break;
      const lines = plain.flatMap((chunk) => unpackLines(chunk.data));
      const first = plain[0]?.first_line ?? 1;
      const packed: { first_line: number; count: number; data: Uint8Array; marks: string | null }[] = [];
      for (let start = 0; start < lines.length; start += CHUNK_LINES) {
        const part = lines.slice(start, start + CHUNK_LINES);
        const marks = markLines(part);
        const data = await compress(packLines(part));
        packed.push({
          first_line: first + start,
          count: part.length,
          data,
          marks: marks === null ? null : JSON.stringify(marks),
        });
      }
      await store.change(async ({ db: trx }) => {
        const firstLines = plain.map((chunk) => chunk.first_line);
        const { numDeletedRows } = await trx
          .deleteFrom("log_chunks")
          .where("run_id", "=", runId)
          .where("first_line", "in", firstLines)
          .executeTakeFirst();
        // The log was discarded meanwhile: there is nothing to put in its place.
        if (Number(numDeletedRows) !== plain.length) throw new Error("The log changed while it was packed");
        await trx
          .insertInto("log_chunks")
          .values(packed.map((chunk) => ({ run_id: runId, codec: "zstd", ...chunk })))
          .execute();
      });
    }
    await store.change(async ({ db: trx }) => {
      const { stored, plain } = await trx
        .selectFrom("log_chunks")
        .select((eb) => [
          eb.fn.sum<number | string | null>(eb.fn("length", ["data"])).as("stored"),
          eb.fn.sum<number | string | null>(eb.case().when("codec", "=", "plain").then(1).else(0).end()).as("plain"),
        ])
        .where("run_id", "=", runId)
        .executeTakeFirstOrThrow();
      // Lines that came late wait for the next time.
      await trx
        .updateTable("runs")
        .set({ log_stored: Number(stored ?? 0), log_compacted: Number(plain ?? 0) === 0 ? 1 : 0 })
        .where("id", "=", runId)
        .execute();
    });
  }

  async function discard(runIds: readonly string[]): Promise<void> {
    if (runIds.length === 0) return;
    await store.change(async (change) => {
      await change.db.deleteFrom("log_chunks").where("run_id", "in", runIds).execute();
      await change.db
        .updateTable("runs")
        .set({ log_discarded: 1, log_stored: 0, log_compacted: 1 })
        .where("id", "in", runIds)
        .execute();
      const rows = await change.db.selectFrom("runs").select(["id", "host_id"]).where("id", "in", runIds).execute();
      for (const row of rows) change.emit("run.changed", { runId: row.id as RunId, hostId: row.host_id as HostId });
    });
  }

  /** Runs that have ended and still have a log, oldest first. */
  const kept = () =>
    store.db
      .selectFrom("runs")
      .select(["id", "log_stored"])
      .where("state", "in", [...TerminalState.options])
      .where("log_stored", ">", 0)
      .orderBy("ended_at")
      .limit(RUNS_AT_ONCE);

  async function retainAll(): Promise<void> {
    while (!ending.signal.aborted) {
      const old = await kept()
        .where("ended_at", "<", clock.now() - keepFor)
        .execute();
      if (old.length === 0) break;
      await discard(old.map((row) => row.id));
    }
    while (!ending.signal.aborted) {
      const { total } = await store.db
        .selectFrom("runs")
        .select((eb) => eb.fn.sum<number | string | null>("log_stored").as("total"))
        .executeTakeFirstOrThrow();
      let over = Number(total ?? 0) - keepBytes;
      if (over <= 0) return;
      const going: string[] = [];
      for (const row of await kept().execute()) {
        if (over <= 0) break;
        going.push(row.id);
        over -= row.log_stored;
      }
      // What is left is of runs at work.
      if (going.length === 0) return;
      await discard(going);
    }
  }

  const keeper: LogKeeper = {
    start() {
      const retainLater = () =>
        later("retain", KEEP_INTERVAL, () => {
          void keeper.retain();
          retainLater();
        });
      const packSoon = () => later("pack", PACK_AFTER + 1000, () => void keeper.pack());
      bus.on("run.changed", packSoon, { owner: "log keeper", signal: ending.signal });
      void keeper.retain();
      packSoon();
      retainLater();
    },
    pack: () => task("pack", packAll),
    retain: () => task("retain", retainAll),
    async stop() {
      ending.abort();
      for (const timer of timers.values()) timer.cancel();
      await working;
    },
    [Symbol.asyncDispose]: () => keeper.stop(),
  };
  return keeper;
}
