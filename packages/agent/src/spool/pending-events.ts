import type { LogLine, RunEventBody } from "@nixfleet/protocol";

/** Text of one log event, in characters: with JSON's escapes it stays below a frame of the link. */
const BATCH_CHARACTERS = 64 * 1024;
const BATCH_LINES = 2000;
/** With less room than this, an event counts as full: the next line may not fit. */
const LEAST_ROOM = 4 * 1024;
/** What a line without text takes. */
const LINE_OVERHEAD = 32;
/** Text of log lines that is kept while the disk is full, in characters. */
const KEPT_CHARACTERS = 64 * 1024;
/** So many progress events may gather before all but the last one go: a build that says little has many of them, and no line. */
const MOST_PROGRESSES = 100;

interface Entry {
  at: number;
  body: RunEventBody;
  /** Characters of a log event's text, by line. */
  sizes?: number[];
  /** How many lines were cut here. */
  cut?: number;
}

/** Events that are not in the file yet, in order. */
export interface PendingEvents {
  entries(): readonly { at: number; body: RunEventBody }[];
  add(at: number, body: RunEventBody): void;
  /** Adds a line to the last event, if that is a log event with room. True: an event is full, and waits for nothing more. */
  addLine(line: LogLine): boolean;
  /** Forgets the first `count` events. */
  drop(count: number): void;
  /** Cuts the oldest lines, but for the last `keep` characters; a warning says how many. An older progress goes too. */
  cut(keep?: number): void;
}

export function createPendingEvents(): PendingEvents {
  let entries: Entry[] = [];
  let characters = 0;
  let progresses = 0;
  let inLast = 0;
  const isProgress = ({ body }: Entry) => body.kind === "progress";

  return {
    entries: () => entries,
    add(at, body) {
      entries.push({ at, body });
      if (body.kind === "progress") progresses++;
    },
    addLine(line) {
      const size = line.text.length + LINE_OVERHEAD;
      characters += size;
      const last = entries.at(-1);
      const lines = last?.body.kind === "log" && last.sizes !== undefined ? last.body.lines : undefined;
      if (lines === undefined || lines.length >= BATCH_LINES || inLast + size > BATCH_CHARACTERS) {
        entries.push({ at: line.at, body: { kind: "log", lines: [line] }, sizes: [size] });
        inLast = size;
        return lines !== undefined || inLast > BATCH_CHARACTERS - LEAST_ROOM;
      }
      lines.push(line);
      last?.sizes?.push(size);
      inLast += size;
      return lines.length >= BATCH_LINES || inLast > BATCH_CHARACTERS - LEAST_ROOM;
    },
    drop(count) {
      for (const entry of entries.slice(0, count)) {
        characters -= sum(entry.sizes);
        if (isProgress(entry)) progresses--;
      }
      entries = entries.slice(count);
      if (entries.length === 0) characters = 0;
    },
    cut(keep = KEPT_CHARACTERS) {
      // Twice as much may gather before it is cut down, so that a line does not cost a walk over all.
      if (characters <= keep * 2 && progresses <= MOST_PROGRESSES && keep > 0) return;
      const lastProgress = entries.findLast(isProgress);
      entries = entries.filter((entry) => !isProgress(entry) || entry === lastProgress);
      progresses = Math.min(progresses, 1);
      let marker = entries.find((entry) => entry.cut !== undefined);
      const kept: Entry[] = [];
      for (const entry of entries) {
        if (entry.body.kind !== "log" || entry.sizes === undefined) {
          kept.push(entry);
          continue;
        }
        let lines = 0;
        while (lines < entry.sizes.length && (characters > keep || keep === 0)) {
          characters -= entry.sizes[lines] ?? 0;
          lines++;
        }
        if (lines > 0) {
          if (marker === undefined) {
            marker = { at: entry.at, body: { kind: "warning", message: "" }, cut: 0 };
            kept.push(marker);
          }
          marker.cut = (marker.cut ?? 0) + lines;
          marker.body = { kind: "warning", message: cutMessage(marker.cut) };
        }
        if (lines === entry.sizes.length) continue;
        kept.push({ at: entry.at, body: { kind: "log", lines: entry.body.lines.slice(lines) }, sizes: entry.sizes.slice(lines) });
      }
      entries = kept;
      inLast = sum(entries.at(-1)?.sizes);
    },
  };
}

function cutMessage(lines: number): string {
  return `The disk under the agent's state was full: ${lines} lines of output were cut here.`;
}

function sum(sizes: readonly number[] | undefined): number {
  return sizes?.reduce((total, size) => total + size, 0) ?? 0;
}
