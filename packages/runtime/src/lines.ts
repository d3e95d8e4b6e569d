/** A line of a process's output, without its ending. A line over the limit comes in fragments: all but the last `continues`. */
export interface OutputLine {
  text: string;
  continues: boolean;
}

/** Largest fragment, in bytes as received. */
export const maxFragmentBytes = 64 * 1024;

export interface LineSplitter {
  push(chunk: Uint8Array): void;
  /** Delivers what is left of a final line without an ending. */
  end(): void;
}

const LF = 10;
const CR = 13;

/**
 * Splits bytes, in chunks of any size, into lines of text. LF, CRLF and a bare CR (progress output) each end a line; a line
 * ended by CR is delivered at once. Bytes that are not UTF-8 become U+FFFD; characters cut by a chunk or a fragment stay
 * whole. Memory is bounded by one fragment, and nothing is dropped.
 */
export function createLineSplitter(onLine: (line: OutputLine) => void, limit = maxFragmentBytes): LineSplitter {
  // A fragment must hold at least one whole character (4 bytes of UTF-8), or cutting at characters could make no headway.
  if (limit < 4) throw new RangeError("a fragment holds at least 4 bytes");
  const pending = Buffer.allocUnsafe(limit);
  let length = 0;
  let endedByCr = false;

  const deliver = () => {
    onLine({ text: pending.toString("utf8", 0, length), continues: false });
    length = 0;
  };

  const append = (chunk: Uint8Array, from: number, to: number) => {
    let at = from;
    while (at < to) {
      if (length === limit) {
        const cut = characterBoundary(pending, length);
        onLine({ text: pending.toString("utf8", 0, cut), continues: true });
        pending.copyWithin(0, cut, length);
        length -= cut;
      }
      const part = chunk.subarray(at, Math.min(to, at + limit - length));
      pending.set(part, length);
      length += part.length;
      at += part.length;
    }
  };

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      let start = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (byte === LF && endedByCr) {
          endedByCr = false;
          start = i + 1;
        } else if (byte === LF || byte === CR) {
          endedByCr = byte === CR;
          if (length === 0 && i - start <= limit) {
            // The usual case, a whole line in one chunk, is decoded in place.
            onLine({ text: bytes.toString("utf8", start, i), continues: false });
          } else {
            append(chunk, start, i);
            deliver();
          }
          start = i + 1;
        } else {
          endedByCr = false;
        }
      }
      append(chunk, start, chunk.length);
    },
    end() {
      if (length > 0) deliver();
    },
  };
}

/** The last index at or before `end` where cutting does not split a UTF-8 sequence (RFC 3629, section 3). */
function characterBoundary(bytes: Uint8Array, end: number): number {
  for (let back = 1; back <= 3 && back < end; back++) {
    const byte = bytes[end - back] ?? 0;
    if (byte < 0x80) return end;
    if (byte >= 0xc0) {
      const sequence = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return sequence > back ? end - back : end;
    }
  }
  return end;
}
