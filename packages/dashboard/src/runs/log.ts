import type { LogOutline, NumberedLine, RunId } from "@nixfleet/protocol";
import type { Store } from "../store/index.ts";
import { addNoise, decode, unpackLines } from "./log-chunk.ts";

/** Maximum matches of a search, as the route's description says. */
const SEARCH_LIMIT = 10_000;
const OUTLINE_LEVELS = 1000;
const OUTLINE_NOISE = 10_000;

/** Reads the logs of runs. A line is known by its number, from 1. */
export interface RunLogs {
  /** Consecutive lines from line `from`, at most `limit`, and the number of the last line in the log. */
  read(runId: RunId, from: number, limit: number): Promise<{ lines: NumberedLine[]; last: number }>;
  /** Chunk by chunk, up to the last line stored when it gets there. */
  lines(runId: RunId, from?: number): AsyncGenerator<NumberedLine[]>;
  /** Numbers of the lines that contain a text, ignoring case. A line in pieces has the number of its first piece. */
  search(runId: RunId, text: string, signal?: AbortSignal): Promise<{ lines: number[]; truncated: boolean }>;
  outline(runId: RunId): Promise<LogOutline>;
}

export function createRunLogs(store: Store): RunLogs {
  /** The chunks from the one that holds line `from`, one at a time: a log of a million lines is never in memory. */
  async function* chunks(runId: RunId, from: number) {
    const of = () => store.db.selectFrom("log_chunks").selectAll().where("run_id", "=", runId).limit(1);
    let next = from;
    while (true) {
      // By the line, not by where a chunk is expected to begin: the log may be packed while it is read, and what was several chunks is
      // one then. The chunk before may end before the line, and a log whose first part was discarded begins later.
      let row = await of().where("first_line", "<=", next).orderBy("first_line", "desc").executeTakeFirst();
      if (row === undefined || row.first_line + row.count <= next) {
        row = await of().where("first_line", ">", next).orderBy("first_line").executeTakeFirst();
      }
      if (row === undefined) return;
      const first = row.first_line;
      const lines = unpackLines(await decode(row.codec, row.data)).map((line, place) => ({ n: first + place, ...line }));
      const wanted = first < next ? lines.slice(next - first) : lines;
      next = first + row.count;
      yield wanted;
      // Yield to the event loop between two chunks.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async function lastLine(runId: RunId): Promise<number> {
    const row = await store.db.selectFrom("run_logs").select("lines").where("run_id", "=", runId).executeTakeFirst();
    return row?.lines ?? 0;
  }

  return {
    async read(runId, from, limit) {
      const lines: NumberedLine[] = [];
      for await (const some of chunks(runId, from)) {
        lines.push(...some.slice(0, limit - lines.length));
        if (lines.length >= limit) break;
      }
      return { lines, last: await lastLine(runId) };
    },

    lines: (runId, from = 1) => chunks(runId, from),

    async search(runId, text, signal) {
      const wanted = text.toLowerCase();
      const found: number[] = [];
      // State of a line in pieces: its number, whether it matched, and its end, in which a match may begin.
      let line = { n: 0, found: false, tail: "", open: false };
      for await (const lines of chunks(runId, 1)) {
        signal?.throwIfAborted();
        for (const piece of lines) {
          if (!line.open) line = { n: piece.n, found: false, tail: "", open: false };
          if (!line.found) {
            const written = line.tail + piece.text.toLowerCase();
            if (written.includes(wanted)) {
              if (found.length >= SEARCH_LIMIT) return { lines: found, truncated: true };
              found.push(line.n);
              line.found = true;
            } else line.tail = wanted.length > 1 ? written.slice(1 - wanted.length) : "";
          }
          line.open = piece.continues === true;
        }
      }
      return { lines: found, truncated: false };
    },

    async outline(runId) {
      const outline: LogOutline = { last: 0, errors: [], warnings: [], noise: [] };
      const rows = await store.db
        .selectFrom("log_chunks")
        .select(["first_line", "marks"])
        .where("run_id", "=", runId)
        .where("marks", "is not", null)
        .orderBy("first_line")
        .execute();
      for (const { first_line, marks } of rows) {
        if (marks === null) continue;
        const { errors, warnings, noise } = marks;
        for (const place of errors) if (outline.errors.length < OUTLINE_LEVELS) outline.errors.push(first_line + place);
        for (const place of warnings) if (outline.warnings.length < OUTLINE_LEVELS) outline.warnings.push(first_line + place);
        for (const [from, to] of noise) {
          if (outline.noise.length < OUTLINE_NOISE) addNoise(outline.noise, [first_line + from, first_line + to]);
        }
      }
      outline.last = await lastLine(runId);
      return outline;
    },
  };
}
