import type { RunId } from "@nixfleet/protocol";
import { useCallback, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { call } from "../live/api.ts";
import { LiveContext } from "../live/use-live.ts";
import { createLogSource, type LogSource, type LogState } from "./log-source.ts";

/** Lines that are read at once from the end of a log that has many. */
const TAIL = 500;

/**
 * A run's log: its end live, the rest as it is looked at.
 * @param lines number of lines that the log had when the page was opened
 */
export function useLog(run: RunId, lines: number): { source: LogSource; state: LogState; readOutline: () => void } {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("The live link exists only below the signed-in frame.");
  const [source] = useState(() => createLogSource((from, limit) => call("runLog", { params: { run }, query: { from, limit } })));
  const [from] = useState(() => Math.max(1, lines - TAIL));
  useEffect(() => {
    // After a reconnect, the link continues after the newest line that has arrived.
    let next = from;
    return live.follow(`run:${run}`, () => {}, {
      from: () => next,
      onLines(arrived, last) {
        next = Math.max(next, (arrived.at(-1)?.n ?? 0) + 1);
        source.push(arrived, last);
      },
    });
  }, [live, run, source, from]);
  const readOutline = useCallback(
    (signal?: AbortSignal) => {
      call("logOutline", { params: { run } }, signal).then(source.outline, (error: unknown) => {
        if (!signal?.aborted) source.fail(error);
      });
    },
    [run, source],
  );
  useEffect(() => {
    const aborter = new AbortController();
    readOutline(aborter.signal);
    return () => aborter.abort();
  }, [readOutline]);
  return { source, state: useSyncExternalStore(source.subscribe, source.state), readOutline: () => readOutline() };
}
