import type { HostId, RunId } from "@nixfleet/protocol";
import { sql } from "kysely";
import type { LogChunksTable, Store } from "../store/index.ts";
import { addUsage } from "./log-append.ts";
import { CHUNK_CHARACTERS, CHUNK_LINES, chunksOf, compress, markLines, packLines, unpackLines } from "./log-chunk.ts";

/** Maximum number of plain chunks that are considered for one packed chunk. */
const CHUNKS_AT_ONCE = 200;
/** Milliseconds until packing a log is retried after a failure. */
const RETRY_AFTER = 60 * 60_000;

export interface PackedRun {
  readonly runId: RunId;
  readonly hostId: HostId | null;
}

/** Returns the run whose log has been due for packing the longest; null if no log is due. */
export async function nextToPack(store: Store, now: number): Promise<PackedRun | null> {
  const row = await store.db
    .selectFrom("run_logs")
    .innerJoin("runs", "runs.id", "run_logs.run_id")
    .select(["run_logs.run_id", "runs.host_id"])
    .where("run_logs.pack_after", "is not", null)
    .where("run_logs.pack_after", "<=", now)
    .orderBy("run_logs.pack_after")
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : { runId: row.run_id, hostId: row.host_id };
}

/** Returns the time at which the next log is due for packing; null if none is waiting. */
export async function nextPackTime(store: Store): Promise<number | null> {
  const row = await store.db
    .selectFrom("run_logs")
    .select("pack_after")
    .where("pack_after", "is not", null)
    .orderBy("pack_after")
    .limit(1)
    .executeTakeFirst();
  return row?.pack_after ?? null;
}

/**
 * Merges the plain chunks of a log into full-size compressed ones, one at a time: each step is short, and the log is complete after each
 * of them, even if the process crashes.
 */
export async function packLog(store: Store, run: PackedRun, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const plain = await readPlain(store, run.runId);
    if (plain.length === 0) break;
    const first = plain[0]?.first_line ?? 1;
    const packed: Omit<LogChunksTable, "run_id" | "codec">[] = [];
    let next = first;
    for (const part of chunksOf(plain.flatMap((chunk) => unpackLines(chunk.data)))) {
      packed.push({ first_line: next, count: part.length, data: await compress(packLines(part)), marks: markLines(part) });
      next += part.length;
    }
    if (!(await replaceChunks(store, run, plain, packed))) return;
    // Let other work run.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await store.change(({ db }) =>
    db
      .updateTable("run_logs")
      .set({ pack_after: null })
      .where("run_id", "=", run.runId)
      // Lines that arrived meanwhile are left for the next round.
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("log_chunks")
              .select("first_line")
              .where("log_chunks.run_id", "=", run.runId)
              .where("codec", "=", sql.lit("plain" as const)),
          ),
        ),
      )
      .execute(),
  );
}

/** Postpones packing of a log that failed, so that it does not block the others. */
export async function postponePacking(store: Store, runId: RunId, now: number): Promise<void> {
  await store.change(({ db }) =>
    db
      .updateTable("run_logs")
      .set({ pack_after: now + RETRY_AFTER })
      .where("run_id", "=", runId)
      .execute(),
  );
}

/** Reads the first plain chunks, as many as fit into one packed chunk. */
async function readPlain(store: Store, runId: RunId): Promise<Pick<LogChunksTable, "first_line" | "count" | "data">[]> {
  const sizes = await store.db
    .selectFrom("log_chunks")
    .select(["first_line", "count", (eb) => eb.fn<number>("length", ["data"]).as("size")])
    .where("run_id", "=", runId)
    // A literal, not a parameter: otherwise SQLite does not use the partial index on plain chunks.
    .where("codec", "=", sql.lit("plain" as const))
    .orderBy("first_line")
    .limit(CHUNKS_AT_ONCE)
    .execute();
  let lines = 0;
  let bytes = 0;
  const fitting = sizes.filter(({ count, size }, place) => {
    lines += count;
    bytes += size;
    return place === 0 || (lines <= CHUNK_LINES && bytes <= CHUNK_CHARACTERS);
  });
  const last = fitting.at(-1);
  const first = fitting[0];
  if (first === undefined || last === undefined) return [];
  return await store.db
    .selectFrom("log_chunks")
    .select(["first_line", "count", "data"])
    .where("run_id", "=", runId)
    .where("first_line", ">=", first.first_line)
    .where("first_line", "<=", last.first_line)
    .orderBy("first_line")
    .execute();
}

/** Replaces plain chunks with packed ones. Returns false if the log was removed, or packed by somebody else, in the meantime. */
function replaceChunks(
  store: Store,
  { runId, hostId }: PackedRun,
  plain: readonly Pick<LogChunksTable, "first_line" | "data">[],
  packed: readonly Omit<LogChunksTable, "run_id" | "codec">[],
): Promise<boolean> {
  const sizeOf = (chunks: readonly { data: Uint8Array }[]) => chunks.reduce((sum, { data }) => sum + data.byteLength, 0);
  return store.change(async (change) => {
    const log = await change.db.selectFrom("run_logs").select("discarded").where("run_id", "=", runId).executeTakeFirst();
    if (log === undefined || log.discarded) return false;
    const firstLines = plain.map((chunk) => chunk.first_line);
    const there = await change.db
      .selectFrom("log_chunks")
      .select("first_line")
      .where("run_id", "=", runId)
      .where("codec", "=", sql.lit("plain" as const))
      .where("first_line", "in", firstLines)
      .execute();
    if (there.length !== plain.length) return false;
    await change.db.deleteFrom("log_chunks").where("run_id", "=", runId).where("first_line", "in", firstLines).execute();
    await change.db
      .insertInto("log_chunks")
      .values(packed.map((chunk) => ({ run_id: runId, codec: "zstd" as const, ...chunk })))
      .execute();
    const saved = sizeOf(plain) - sizeOf(packed);
    await change.db
      .updateTable("run_logs")
      .set((eb) => ({ stored: eb("stored", "-", saved) }))
      .where("run_id", "=", runId)
      .execute();
    await addUsage(change, hostId, -saved);
    return true;
  });
}
