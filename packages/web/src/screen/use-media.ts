import { useSyncExternalStore } from "react";

/** Cached, since creating a media query list is slow and components ask on every render. */
const queries = new Map<string, MediaQueryList>();

function mediaQuery(query: string): MediaQueryList {
  const made = queries.get(query) ?? matchMedia(query);
  queries.set(query, made);
  return made;
}

/** Whether a media query matches now. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = mediaQuery(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    () => mediaQuery(query).matches,
  );
}

/** The width below which the pages are drawn for a phone; the same as in the style sheet. */
export function useIsPhone(): boolean {
  return useMedia("(width < 500px)");
}
