import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** This near to the end, in pixels, counts as being there. */
const AT_END = 24;

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

  const scrollToEnd = useCallback(() => {
    const box = element.current;
    if (box === null) return;
    box.scrollTo({ top: box.scrollHeight });
    top.current = box.scrollTop;
  }, [element]);
  const toEnd = useCallback(() => {
    scrollToEnd();
    setLeft(null);
  }, [scrollToEnd]);

  const letGo = useCallback(() => setLeft((before) => before ?? lastNow.current), []);

  useEffect(() => {
    const box = element.current;
    if (box === null) return;
    const onScroll = () => {
      const atEnd = box.scrollHeight - box.clientHeight - box.scrollTop <= AT_END;
      // Growth and following only ever go down: whoever goes up is the reader.
      if (box.scrollTop < top.current - 1 && !atEnd) letGo();
      else if (atEnd) setLeft(null);
      top.current = box.scrollTop;
    };
    box.addEventListener("scroll", onScroll, { passive: true });
    return () => box.removeEventListener("scroll", onScroll);
  }, [element, letGo]);

  // After each growth, and once the first lines have been drawn.
  useEffect(() => {
    if (left === null && last > 0) scrollToEnd();
  }, [left, last, scrollToEnd]);

  return { following: left === null, newLines: left === null ? 0 : last - left, toEnd, scrollToEnd, letGo };
}
