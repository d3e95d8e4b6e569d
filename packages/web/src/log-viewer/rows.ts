/** A range of lines, both ends included. */
export type Range = readonly [from: number, to: number];

/** A row of the viewer: a line, or a fold in place of a range of lines. */
export type Row = { kind: "line"; n: number } | { kind: "fold"; from: number; to: number };

/** Runs of noise shorter than this are drawn as they are. */
export const LEAST_FOLD = 3;

export interface Rows {
  readonly count: number;
  at(index: number): Row;
  /** The row that shows line `n`, itself or folded. */
  indexOf(n: number): number;
}

/**
 * Maps lines 1…last to rows, where each range of `noise` with at least three lines is one fold unless it is opened.
 * Both directions cost a binary search over the folds, so a million lines scroll as ten do.
 * @param noise sorted, without overlap
 * @param opened first lines of the folds that the reader opened
 */
export function rowsOf(last: number, noise: readonly Range[], opened: ReadonlySet<number>): Rows {
  const folds = noise.filter(([from, to]) => to - from + 1 >= LEAST_FOLD && from <= last && !opened.has(from));
  // hidden[i]: lines that the folds before fold i hide, each but one of its own.
  const hidden: number[] = [0];
  for (const [from, to] of folds) hidden.push((hidden.at(-1) ?? 0) + Math.min(to, last) - from);
  const foldRow = (i: number) => (folds[i]?.[0] ?? 0) - 1 - (hidden[i] ?? 0);
  const count = last - (hidden.at(-1) ?? 0);

  /** Number of folds for which `before` holds; it holds for a first part of them. */
  const countWhile = (before: (i: number) => boolean): number => {
    let low = 0;
    let high = folds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    count,
    at(index) {
      const i = countWhile((fold) => foldRow(fold) <= index) - 1;
      const fold = folds[i];
      if (fold !== undefined && foldRow(i) === index) return { kind: "fold", from: fold[0], to: Math.min(fold[1], last) };
      return { kind: "line", n: index + 1 + (hidden[i + 1] ?? 0) };
    },
    indexOf(n) {
      const i = countWhile((fold) => (folds[fold]?.[0] ?? 0) <= n) - 1;
      const fold = folds[i];
      if (fold !== undefined && n <= fold[1]) return foldRow(i);
      return n - 1 - (hidden[i + 1] ?? 0);
    },
  };
}

/** Adds line `n`, which comes after all others, to sorted ranges. */
export function extendRanges(ranges: readonly Range[], n: number): readonly Range[] {
  const end = ranges.at(-1);
  if (end === undefined || n > end[1] + 1) return [...ranges, [n, n]];
  if (n <= end[1]) return ranges;
  return [...ranges.slice(0, -1), [end[0], n]];
}
