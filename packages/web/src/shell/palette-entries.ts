/** Something that the palette can find. */
export interface Entry<T> {
  readonly key: string;
  readonly words: string;
  /** 0: offered without a query; 1: only for a query. */
  readonly rank: 0 | 1;
  readonly value: T;
}

/**
 * What to offer for a text: entries of which every typed word is in some word, those first where it begins one. Without a text, the
 * entries that are always offered.
 */
export function findEntries<T>(entries: readonly Entry<T>[], text: string, limit: number): readonly Entry<T>[] {
  const typed = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (typed.length === 0) return entries.filter((entry) => entry.rank === 0).slice(0, limit);
  const scored: { entry: Entry<T>; score: number }[] = [];
  for (const entry of entries) {
    const score = scoreOf(entry.words.toLowerCase(), typed);
    if (score > 0) scored.push({ entry, score: score - entry.rank * 0.5 });
  }
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ entry }) => entry);
}

/** 0: not all words are there; else more where they begin a word, and most where they are one. */
function scoreOf(words: string, typed: readonly string[]): number {
  const all = words.split(/[\s-]+/);
  let score = 0;
  for (const part of typed) {
    const best = all.includes(part) ? 3 : all.some((word) => word.startsWith(part)) ? 2 : words.includes(part) ? 1 : 0;
    if (best === 0) return 0;
    score += best;
  }
  return score / typed.length;
}
