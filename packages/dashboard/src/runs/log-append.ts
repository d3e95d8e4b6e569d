import type { HostId, LogLine, RunId } from "@nixfleet/protocol";
import type { Change, Reader, RunLogsTable } from "../store/index.ts";
import { chunksOf, markLines, packLines } from "./log-chunk.ts";
import { NO_LOG } from "./records.ts";

/** How much room logs may take. Beyond it no line is kept, and the log says so. */
export interface LogLimits {
  /** Bytes of text of one run's log. */
  readonly runBytes: number;
  /** Bytes that the logs of one host's runs may take in the database. */
  readonly hostBytes: number;
}

/** A log is packed when nothing more came for this long, in milliseconds. */
export const PACK_AFTER = 10_000;

/** Key of `log_usage` for runs of the dashboard itself. */
export const OWN_RUNS = "";

/**
 * Stores lines behind the ones that are there. Gives the number of the last line; null: nothing was kept, since the log was removed or
 * has reached a limit before.
 */
export async function appendLines(
  change: Change,
  { runId, hostId, endedAt }: { runId: RunId; hostId: HostId | null; endedAt: number | null },
  lines: readonly LogLine[],
  { now, limits }: { now: number; limits: LogLimits },
): Promise<number | null> {
  const { db } = change;
  const stored = await db.selectFrom("run_logs").selectAll().where("run_id", "=", runId).executeTakeFirst();
  const log: Omit<RunLogsTable, "run_id"> = stored ?? NO_LOG;
  if (log.discarded || log.truncated) return null;
  const used = await readUsage(db, hostId);
  const { kept, bytes, truncated } = cut(lines, { bytes: log.bytes, used, now, limits });

  let last = log.lines;
  let size = 0;
  let errors = 0;
  let warnings = 0;
  let firstError = log.first_error_line;
  for (const part of chunksOf(kept)) {
    const marks = markLines(part);
    const data = packLines(part);
    await db
      .insertInto("log_chunks")
      .values({ run_id: runId, first_line: last + 1, count: part.length, codec: "plain", data, marks })
      .execute();
    errors += marks?.errors.length ?? 0;
    warnings += marks?.warnings.length ?? 0;
    const error = marks?.errors[0];
    if (error !== undefined) firstError ??= last + 1 + error;
    last += part.length;
    size += data.byteLength;
  }

  const next: Omit<RunLogsTable, "run_id"> = {
    lines: last,
    bytes,
    errors: log.errors + errors,
    warnings: log.warnings + warnings,
    first_error_line: firstError,
    stored: log.stored + size,
    truncated,
    discarded: false,
    // While more comes at any moment, nothing is packed.
    pack_after: endedAt === null ? null : now + PACK_AFTER,
    ended_at: endedAt,
  };
  await db
    .insertInto("run_logs")
    .values({ run_id: runId, ...next })
    .onConflict((conflict) => conflict.column("run_id").doUpdateSet(next))
    .execute();
  await addUsage(change, hostId, size);
  return last;
}

/** As many of the lines as the limits take, and a last one that says what is missing. */
function cut(
  lines: readonly LogLine[],
  at: { bytes: number; used: number; now: number; limits: LogLimits },
): { kept: LogLine[]; bytes: number; truncated: boolean } {
  const { runBytes, hostBytes } = at.limits;
  const kept: LogLine[] = [];
  let { bytes } = at;
  let used = at.used;
  for (const line of lines) {
    const size = Buffer.byteLength(line.text);
    const reason =
      bytes + size > runBytes
        ? `The log of this run has reached its limit of ${runBytes} bytes (NIXFLEET_LOG_RUN_BYTES). Later lines are dropped.`
        : used + size > hostBytes
          ? `The logs of this host have reached their limit of ${hostBytes} bytes (NIXFLEET_LOG_HOST_BYTES). Later lines are dropped.`
          : null;
    if (reason !== null) {
      kept.push({ at: at.now, stream: "agent", text: reason, level: "warning" });
      return { kept, bytes: bytes + Buffer.byteLength(reason), truncated: true };
    }
    bytes += size;
    used += size;
    kept.push(line);
  }
  return { kept, bytes, truncated: false };
}

/** Bytes that the logs of a host's runs take in the database; null: those of the dashboard's own. */
export async function readUsage(db: Reader, hostId: HostId | null): Promise<number> {
  const row = await db
    .selectFrom("log_usage")
    .select("stored")
    .where("host_id", "=", hostId ?? OWN_RUNS)
    .executeTakeFirst();
  return row?.stored ?? 0;
}

/** Keeps the sum of what logs take: `bytes` more, or fewer. */
export async function addUsage({ db }: Change, hostId: HostId | null, bytes: number): Promise<void> {
  if (bytes === 0) return;
  await db
    .insertInto("log_usage")
    .values({ host_id: hostId ?? OWN_RUNS, stored: Math.max(0, bytes) })
    .onConflict((conflict) => conflict.column("host_id").doUpdateSet((eb) => ({ stored: eb("log_usage.stored", "+", bytes) })))
    .execute();
}
