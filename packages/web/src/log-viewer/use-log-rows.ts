import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { LogSource, LogState } from "./log-source.ts";
import { LEAST_FOLD, type Range, type Row, type Rows, rowsOf } from "./rows.ts";
import { useFollow } from "./use-follow.ts";

/** Height of a line that is not wrapped, in pixels. */
export const LINE_HEIGHT = 20;
/** Free space before the first line and after the last. */
export const EDGE = 8;

export interface LogRows {
  readonly box: RefObject<HTMLElement | null>;
  readonly rows: Rows;
  readonly virtualizer: Virtualizer<HTMLElement, HTMLDivElement>;
  readonly opened: ReadonlySet<number>;
  /** Changes whenever row heights change, so that they are measured again. */
  readonly revision: string;
  readonly following: boolean;
  readonly newLines: number;
  /** The end was left for a line that was jumped to, and not by scrolling. */
  readonly jumped: boolean;
  readonly toEnd: () => void;
  /** Opens the fold that begins with this line, or folds it again. */
  readonly toggleFold: (from: number) => void;
  /** Brings a line to the middle, out of its fold, as soon as it is there. */
  readonly jump: (n: number) => void;
  /** The first line that is in sight. */
  readonly topLine: () => number;
  /** Reads the visible lines that are not loaded. */
  readonly read: () => void;
}

/**
 * The rows of a log in a box that scrolls: only those in sight are drawn and held (TanStack Virtual), the end is followed, and
 * what the reader looks at stays where it is when lines arrive or fold (R62).
 * @param last number of the last line
 * @param begin follow from the beginning
 */
export function useLogRows({
  source,
  state,
  last,
  wrap,
  begin,
}: {
  source: LogSource;
  state: LogState;
  last: number;
  wrap: boolean;
  begin: boolean;
}): LogRows {
  const box = useRef<HTMLElement>(null);
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => rowsOf(last, state.noise, opened), [last, state.noise, opened]);
  // oxlint-disable-next-line react/incompatible-library -- no compiler runs over this code, and nothing of it is memoised by hand.
  const virtualizer = useVirtualizer<HTMLElement, HTMLDivElement>({
    count: rows.count,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 10,
    paddingStart: EDGE,
    paddingEnd: EDGE,
  });
  const { following, newLines, toEnd, scrollToEnd, letGo } = useFollow(box, last, begin);

  const revision = `${wrap} ${opened.size}`;
  // Heights are known by row, and which line a row shows has changed.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the revision is what makes them void.
  useLayoutEffect(() => virtualizer.measure(), [virtualizer, revision]);

  const topIndex = useCallback(() => virtualizer.getVirtualItemForOffset(box.current?.scrollTop ?? 0)?.index ?? 0, [virtualizer]);
  const drawn = useRef(rows);
  useLayoutEffect(() => {
    const before = drawn.current;
    drawn.current = rows;
    if (before === rows || following || box.current === null || before.count === 0) return;
    const index = topIndex();
    const moved = rows.indexOf(lineOf(before.at(Math.min(index, before.count - 1)))) - index;
    if (moved !== 0) box.current.scrollTop += moved * LINE_HEIGHT;
  }, [rows, following, topIndex]);

  // Wrapped lines turn out to be higher than a line once they are drawn.
  const total = virtualizer.getTotalSize();
  useLayoutEffect(() => {
    if (following && total > 0) scrollToEnd();
  }, [following, total, scrollToEnd]);

  const items = virtualizer.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const end = items.at(-1)?.index ?? -1;
  const read = useCallback(() => {
    for (const [from, to] of linesOf(rows, first, end)) source.need(from, to);
  }, [source, rows, first, end]);
  useEffect(read, [read]);

  const [target, setTarget] = useState<number | null>(null);
  const [jumped, setJumped] = useState(false);
  if (following && jumped) setJumped(false);
  const jump = useCallback(
    (n: number) => {
      setJumped(true);
      letGo();
      setTarget(n);
    },
    [letGo],
  );
  // The line that was jumped to stays the one that is shown, also when it turns out only afterwards that it is noise.
  const shown = useRef<number | null>(null);
  useEffect(() => {
    const n = target ?? shown.current;
    if (n === null || n > last) return;
    const fold = foldOf(state.noise, n);
    if (fold !== undefined && fold !== n && !opened.has(fold)) {
      setOpened((before) => new Set(before).add(fold));
      setTarget(n);
      return;
    }
    if (target === null) return;
    shown.current = target;
    virtualizer.scrollToIndex(rows.indexOf(target), { align: "center" });
    setTarget(null);
  }, [target, last, rows, opened, state.noise, virtualizer]);

  const toggleFold = useCallback((from: number) => {
    shown.current = null;
    setOpened((before) => {
      const next = new Set(before);
      if (!next.delete(from)) next.add(from);
      return next;
    });
  }, []);
  const topLine = useCallback(
    () => (rows.count === 0 ? 1 : lineOf(rows.at(Math.min(topIndex(), rows.count - 1)))),
    [rows, topIndex],
  );

  return { box, rows, virtualizer, opened, revision, following, newLines, jumped, toEnd, toggleFold, jump, topLine, read };
}

/** First line of the fold that would hide line `n`, or begin with it; undefined if none does. */
function foldOf(noise: readonly Range[], n: number): number | undefined {
  const [from, to] = noise.find(([begin, end]) => begin <= n && n <= end) ?? [1, 0];
  return to - from + 1 >= LEAST_FOLD ? from : undefined;
}

function lineOf(row: Row): number {
  return row.kind === "line" ? row.n : row.from;
}

/** The lines that rows need to be drawn, in ranges without a gap: of a fold only its first and last. */
function* linesOf(rows: Rows, first: number, end: number): Generator<readonly [from: number, to: number]> {
  let from: number | undefined;
  let to = 0;
  for (let index = first; index <= Math.min(end, rows.count - 1); index += 1) {
    const row = rows.at(index);
    if (row.kind === "line") {
      from ??= row.n;
      to = row.n;
      continue;
    }
    yield [from ?? row.from, row.from];
    yield [row.to, row.to];
    from = undefined;
  }
  if (from !== undefined) yield [from, to];
}
