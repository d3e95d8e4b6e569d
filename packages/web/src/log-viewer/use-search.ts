import type { RunId } from "@nixfleet/protocol";
import { useEffect, useRef, useState } from "react";
import { call } from "../live/api.ts";
import { messageOf } from "../ops/message-of.ts";

/** Milliseconds without typing before a search starts. */
const DEBOUNCE = 150;
/** Milliseconds between two searches of a growing log. */
const INTERVAL = 2_000;

export interface Hits {
  /** The searched text. */
  readonly query: string;
  readonly lines: readonly number[];
  /** There are more than the server lists. */
  readonly truncated: boolean;
}

export type Search =
  | { kind: "none" }
  | { kind: "searching" }
  | { kind: "found"; hits: Hits }
  | { kind: "failed"; reason: string };

/**
 * The lines that contain a text, by the server, which has all of the log. While the log grows, the search is repeated.
 * @param last number of the log's last line
 */
export function useSearch(run: RunId, query: string, last: number): Search {
  const [answer, setAnswer] = useState<{ query: string; search: Search }>({ query: "", search: { kind: "none" } });
  const lastNow = useRef(last);
  useEffect(() => {
    lastNow.current = last;
  }, [last]);
  useEffect(() => {
    if (query === "") return;
    const aborter = new AbortController();
    let searchedTo = -1;
    let timer: ReturnType<typeof setTimeout>;
    const search = async () => {
      searchedTo = lastNow.current;
      try {
        const { lines, truncated } = await call("searchLog", { params: { run }, query: { q: query } }, aborter.signal);
        if (aborter.signal.aborted) return;
        setAnswer({ query, search: { kind: "found", hits: { query, lines, truncated } } });
      } catch (error) {
        if (aborter.signal.aborted) return;
        setAnswer({ query, search: { kind: "failed", reason: messageOf(error) } });
      }
      watch();
    };
    const watch = () => {
      timer = setTimeout(() => (lastNow.current > searchedTo ? void search() : watch()), INTERVAL);
    };
    timer = setTimeout(() => void search(), DEBOUNCE);
    return () => {
      clearTimeout(timer);
      aborter.abort();
    };
  }, [run, query]);
  if (query === "") return { kind: "none" };
  return answer.query === query ? answer.search : { kind: "searching" };
}
