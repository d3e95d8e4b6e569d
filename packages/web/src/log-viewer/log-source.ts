import type { LogOutline, NumberedLine } from "@nixfleet/protocol";
import { messageOf } from "../ops/message-of.ts";
import { extendRanges, type Range } from "./rows.ts";

/** Lines of one page of the cache. */
const PAGE = 500;
/** Pages in memory: enough for any screen and its surroundings, few enough for a log of a million lines. */
const MOST_PAGES = 120;

export interface LogState {
  /** Number of the log's last line; 0 while it is empty. */
  readonly last: number;
  readonly errors: readonly number[];
  readonly warnings: readonly number[];
  readonly noise: readonly Range[];
  /** Changes with every line that arrives, so that a viewer renders again. */
  readonly version: number;
  /** Why lines could not be read; null: all is well. */
  readonly problem: string | null;
}

export interface LogSource {
  readonly state: () => LogState;
  readonly subscribe: (listener: () => void) => () => void;
  /** The line, if it is at hand. */
  readonly line: (n: number) => NumberedLine | undefined;
  /** Reads the lines of a range that are not at hand; listeners hear when they are. */
  readonly need: (from: number, to: number) => void;
  /** Lines that arrived live, consecutive; `last` is the number of the log's last line by now. */
  readonly push: (lines: readonly NumberedLine[], last: number) => void;
  /** The server's outline of the log: errors, warnings and noise. */
  readonly outline: (outline: LogOutline) => void;
  /** Something about the log could not be read. */
  readonly fail: (error: unknown) => void;
}

/**
 * Holds a window of a log that may have a million lines: pages around what is looked at, read on demand, and the live end.
 * @param read gives the lines of a range, as the server has them
 */
export function createLogSource(
  read: (from: number, limit: number) => Promise<{ lines: NumberedLine[]; last: number }>,
): LogSource {
  const pages = new Map<number, Map<number, NumberedLine>>();
  const reading = new Set<number>();
  const listeners = new Set<() => void>();
  let state: LogState = { last: 0, errors: [], warnings: [], noise: [], version: 0, problem: null };
  /** Up to this line errors, warnings and noise are known. */
  let outlined = 0;

  const change = (next: Partial<LogState>) => {
    state = { ...state, ...next, version: state.version + 1 };
    for (const listener of listeners) listener();
  };

  const keep = (lines: readonly NumberedLine[]) => {
    for (const line of lines) {
      const index = Math.floor((line.n - 1) / PAGE);
      let page = pages.get(index);
      // Deleting a page first makes it the newest of the map.
      pages.delete(index);
      page ??= new Map();
      page.set(line.n, line);
      pages.set(index, page);
    }
    for (const index of pages.keys()) {
      if (pages.size <= MOST_PAGES) break;
      pages.delete(index);
    }
  };

  const fail = (error: unknown) => change({ problem: messageOf(error) });

  return {
    state: () => state,
    fail,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    line: (n) => pages.get(Math.floor((n - 1) / PAGE))?.get(n),
    need(from, to) {
      const first = Math.floor((Math.max(1, from) - 1) / PAGE);
      const end = Math.floor((Math.min(to, state.last) - 1) / PAGE);
      for (let index = first; index <= end; index += 1) {
        if (reading.has(index)) continue;
        const lines = pages.get(index)?.size ?? 0;
        if (lines >= Math.min(PAGE, state.last - index * PAGE)) continue;
        reading.add(index);
        read(index * PAGE + 1, PAGE)
          .then((answer) => {
            keep(answer.lines);
            change({ last: Math.max(state.last, answer.last), problem: null });
          }, fail)
          .finally(() => reading.delete(index));
      }
    },
    push(lines, last) {
      keep(lines);
      const errors = [...state.errors];
      const warnings = [...state.warnings];
      let noise = state.noise;
      for (const { n, level } of lines) {
        if (n <= outlined) continue;
        if (level === "error") errors.push(n);
        else if (level === "warning") warnings.push(n);
        else if (level === "noise") noise = extendRanges(noise, n);
      }
      outlined = Math.max(outlined, lines.at(-1)?.n ?? 0);
      change({ last: Math.max(state.last, last), errors, warnings, noise });
    },
    outline(known) {
      const after = <T extends number>(list: readonly T[]) => list.filter((n) => n > known.last);
      // What arrived live after the server's answer was made goes on behind it.
      const noise = [...known.noise];
      for (const [from, to] of state.noise) {
        if (to <= known.last) continue;
        const begin = Math.max(from, known.last + 1);
        const end = noise.at(-1);
        if (end !== undefined && end[1] + 1 === begin) noise[noise.length - 1] = [end[0], to];
        else noise.push([begin, to]);
      }
      outlined = Math.max(outlined, known.last);
      change({
        last: Math.max(state.last, known.last),
        errors: [...known.errors, ...after(state.errors)],
        warnings: [...known.warnings, ...after(state.warnings)],
        noise,
      });
    },
  };
}
