import { formatDuration } from "../format/duration.ts";
import { countOf, formatCount } from "../format/quantity.ts";
import { plainLine } from "./ansi.ts";

interface FoldedLine {
  readonly text: string;
  readonly at: number;
}

/**
 * The text of a fold of noise: `188 × copying path` and, fainter, `from cache.nixos.org, 1 min 02 s`. Nix announces a list of
 * paths with a sentence that ends in a colon; such a fold is called by that sentence.
 * @param first the fold's first line, absent while it is being read; `last` as well
 */
export function foldWords(
  count: number,
  first: FoldedLine | undefined,
  last: FoldedLine | undefined,
): { lead: string; rest: string } {
  if (first === undefined) return { lead: countOf(count, "line"), rest: "" };
  const text = plainLine(first.text).trim();
  const took = last === undefined ? 0 : last.at - first.at;
  const duration = took >= 1_000 ? formatDuration(took) : "";
  if (text.endsWith(":")) {
    return { lead: text.slice(0, -1), rest: [countOf(count - 1, "more line"), duration].filter(Boolean).join(", ") };
  }
  const words = /^[A-Za-z][A-Za-z ]*(?=$|[ '"‘`/:])/.exec(text)?.[0].trim();
  const source = /\bfrom ['"‘]?(?:[a-z0-9+-]+:\/\/)?([^\s'"’/?#]+)/.exec(text)?.[1];
  return {
    lead: `${formatCount(count)} × ${words ?? "similar lines"}`,
    rest: [source && `from ${source}`, duration].filter(Boolean).join(", "),
  };
}
