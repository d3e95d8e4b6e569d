import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** This near to the end, in pixels, counts as being there. */
const AT_END = 24;
/** Keys that scroll up. */
const UPWARDS: ReadonlySet<string> = new Set(["ArrowUp", "PageUp", "Home"]);

/**
 * Keeps a scrolled element at its end while it grows, lets go as soon as the reader scrolls up, and takes hold again at the end (R62).
 * @param last number of the last line; lines that came since the hold was lost are counted from it
 */
export function useFollow(element: RefObject<HTMLElement | null>, last: number, begin: boolean) {
  const [left, setLeft] = useState<number | null>(begin ? null : last);
  const top = useRef(0);
  const lastNow = useRef(last);
  useLayoutEffect(() => {
    lastNow.current = last;
  }, [last]);

  /** Known at once, where the state is known with the next drawing: a line that arrives in between must not undo a scroll. */
  const free = useRef(!begin);

  const scrollToEnd = useCallback(() => {
    const box = element.current;
    if (box === null || free.current) return;
    box.scrollTo({ top: box.scrollHeight });
    top.current = box.scrollTop;
  }, [element]);
  const hold = useCallback(() => {
    free.current = false;
    setLeft(null);
  }, []);
  const toEnd = useCallback(() => {
    hold();
    scrollToEnd();
  }, [hold, scrollToEnd]);

  const letGo = useCallback(() => {
    free.current = true;
    setLeft((before) => before ?? lastNow.current);
  }, []);

  useEffect(() => {
    const box = element.current;
    if (box === null) return;
    const onScroll = () => {
      const atEnd = box.scrollHeight - box.clientHeight - box.scrollTop <= AT_END;
      // Growth and following only ever go down: whoever goes up is the reader.
      if (box.scrollTop < top.current - 1 && !atEnd) letGo();
      // Following leaves its place in `top`: whoever comes to the end from above it is the reader, too.
      else if (atEnd && box.scrollTop > top.current) hold();
      top.current = box.scrollTop;
    };
    // The scroll itself is told only with the next frame; until then a fast log would have pulled the reader back.
    const onWheel = (event: WheelEvent) => {
      if (event.deltaY < 0 && box.scrollTop > 0) letGo();
    };
    const onKey = (event: KeyboardEvent) => {
      if (UPWARDS.has(event.key) && box.scrollTop > 0) letGo();
    };
    box.addEventListener("scroll", onScroll, { passive: true });
    box.addEventListener("wheel", onWheel, { passive: true });
    box.addEventListener("keydown", onKey);
    return () => {
      box.removeEventListener("scroll", onScroll);
      box.removeEventListener("wheel", onWheel);
      box.removeEventListener("keydown", onKey);
    };
  }, [element, letGo, hold]);

  // After each growth, and once the first lines have been drawn.
  useEffect(() => {
    if (left === null && last > 0) scrollToEnd();
  }, [left, last, scrollToEnd]);

  return { following: left === null, newLines: left === null ? 0 : last - left, toEnd, scrollToEnd, letGo };
}
