import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import type { LogLine } from "@nixfleet/protocol";
import type { LogChunksTable, LogMarks } from "../store/index.ts";

/**
 * Lines as they are in the database: a JSON text per line, `[at, stream, text, level or 0, continues or 0]` without trailing
 * zeros. JSON keeps every text exactly, even half a surrogate pair (R8); one text per line lets a reader stop early.
 */
type Packed = [at: number, stream: LogLine["stream"], text: string, level?: LogLine["level"] | 0, continues?: 1];

export function packLines(lines: readonly LogLine[]): Buffer {
  let text = "";
  for (const line of lines) {
    const packed: Packed = [line.at, line.stream, line.text];
    if (line.level !== undefined || line.continues) packed.push(line.level ?? 0);
    if (line.continues) packed.push(1);
    text += `${JSON.stringify(packed)}\n`;
  }
  return Buffer.from(text);
}

export function unpackLines(data: Uint8Array): LogLine[] {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8");
  const lines: LogLine[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const [at, stream, written, level, continues] = JSON.parse(text.slice(start, end)) as Packed;
    const line: LogLine = { at, stream, text: written };
    if (level) line.level = level;
    if (continues) line.continues = true;
    lines.push(line);
    start = end + 1;
  }
  return lines;
}

const compressAsync = promisify(zstdCompress);
const decompressAsync = promisify(zstdDecompress);

/** Off the event loop's thread. */
export const compress = (data: Uint8Array): Promise<Uint8Array> => compressAsync(data);

/** The packed lines of a chunk, whatever its codec. */
export async function decode(codec: LogChunksTable["codec"], data: Uint8Array): Promise<Uint8Array> {
  return codec === "zstd" ? await decompressAsync(data) : data;
}

/** Maximum lines of a chunk, which a reader of one line has to unpack. */
export const CHUNK_LINES = 2000;
/** Maximum characters of text in a chunk, unless it is a single line. */
export const CHUNK_CHARACTERS = 512 * 1024;

/** Consecutive lines in parts that each fit a chunk. */
export function* chunksOf(lines: readonly LogLine[]): Generator<LogLine[]> {
  let part: LogLine[] = [];
  let characters = 0;
  for (const line of lines) {
    if (part.length > 0 && (part.length >= CHUNK_LINES || characters + line.text.length > CHUNK_CHARACTERS)) {
      yield part;
      part = [];
      characters = 0;
    }
    part.push(line);
    characters += line.text.length;
  }
  if (part.length > 0) yield part;
}

/** Null: no line has a level. */
export function markLines(lines: readonly LogLine[]): LogMarks | null {
  const marks: LogMarks = { errors: [], warnings: [], noise: [] };
  lines.forEach(({ level }, place) => {
    if (level === "error") marks.errors.push(place);
    else if (level === "warning") marks.warnings.push(place);
    else if (level === "noise") addNoise(marks.noise, [place, place]);
  });
  return marks.errors.length + marks.warnings.length + marks.noise.length === 0 ? null : marks;
}

/** Appends a range, or extends the last one if it continues it. */
export function addNoise(ranges: [number, number][], [from, to]: readonly [number, number]): void {
  const last = ranges.at(-1);
  if (last !== undefined && last[1] + 1 === from) last[1] = to;
  else ranges.push([from, to]);
}
