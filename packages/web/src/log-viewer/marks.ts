import type { AnsiSpan } from "./ansi.ts";

export interface MarkedSpan extends AnsiSpan {
  readonly marked?: true;
}

/**
 * Parts spans where a searched text begins and ends, whatever its case; a hit may reach over several spans.
 * @param query the searched text; nothing is marked when it is empty
 */
export function markHits(spans: readonly AnsiSpan[], query: string): readonly MarkedSpan[] {
  if (query === "") return spans;
  const text = spans
    .map((span) => span.text)
    .join("")
    .toLowerCase();
  const wanted = query.toLowerCase();
  const hits: [from: number, to: number][] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) hits.push([at, at + wanted.length]);
  if (hits.length === 0) return spans;

  const marked: MarkedSpan[] = [];
  let offset = 0;
  for (const span of spans) {
    const end = offset + span.text.length;
    let from = offset;
    for (const [hitFrom, hitTo] of hits) {
      if (hitTo <= from || hitFrom >= end) continue;
      const begin = Math.max(hitFrom, from);
      const stop = Math.min(hitTo, end);
      if (begin > from) marked.push({ ...span, text: span.text.slice(from - offset, begin - offset) });
      marked.push({ ...span, text: span.text.slice(begin - offset, stop - offset), marked: true });
      from = stop;
    }
    if (from < end) marked.push({ ...span, text: span.text.slice(from - offset) });
    offset = end;
  }
  return marked;
}
