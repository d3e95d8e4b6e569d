import type { RunId } from "@nixfleet/protocol";
import { useEffect, useRef, useState } from "react";
import { call } from "../live/api.ts";
import { messageOf } from "../ops/message-of.ts";

/** So long a text stands still before it is searched, in milliseconds. */
const STILL = 150;
/** A growing log is searched anew this often, in milliseconds. */
const ANEW = 2_000;

export interface Hits {
  /** What was searched. */
  readonly query: string;
  readonly lines: readonly number[];
  /** There are more than the server lists. */
  readonly truncated: boolean;
}

export type Search = { kind: "none" } | { kind: "asking" } | { kind: "found"; hits: Hits } | { kind: "failed"; reason: string };

/**
 * The lines that contain a text, by the server, which has all of the log. While the log grows they are asked for again.
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
    const leaving = new AbortController();
    let searchedTo = -1;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      searchedTo = lastNow.current;
      try {
        const { lines, truncated } = await call("searchLog", { params: { run }, query: { q: query } }, leaving.signal);
        if (leaving.signal.aborted) return;
        setAnswer({ query, search: { kind: "found", hits: { query, lines, truncated } } });
      } catch (error) {
        if (leaving.signal.aborted) return;
        setAnswer({ query, search: { kind: "failed", reason: messageOf(error) } });
      }
      look();
    };
    const look = () => {
      timer = setTimeout(() => (lastNow.current > searchedTo ? void ask() : look()), ANEW);
    };
    timer = setTimeout(() => void ask(), STILL);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [run, query]);
  if (query === "") return { kind: "none" };
  return answer.query === query ? answer.search : { kind: "asking" };
}
