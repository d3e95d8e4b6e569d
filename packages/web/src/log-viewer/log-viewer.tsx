import type { RunId } from "@nixfleet/protocol";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { ArrowDownToLine } from "lucide-react";
import { type ReactNode, type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { Button } from "../components/button.tsx";
import { classNames } from "../components/class-names.ts";
import { StatusIcon } from "../components/status-icon.tsx";
import { countOf } from "../format/quantity.ts";
import { CopyLog, rawLogUrl } from "./copy-log.tsx";
import { FoldRow } from "./fold-row.tsx";
import { LogCommand } from "./log-command.tsx";
import { useLogDisplay } from "./log-display.ts";
import { LogLineRow } from "./log-line.tsx";
import { LogToolbar, RawLink } from "./log-toolbar.tsx";
import { lowerBound, neighbourOf } from "./neighbours.ts";
import { useLog } from "./use-log.ts";
import { EDGE, useLogRows } from "./use-log-rows.ts";
import { useSearch } from "./use-search.ts";

export interface LogViewerProps {
  readonly run: RunId;
  /** Name of the file that Raw saves. */
  readonly fileName: string;
  readonly log: {
    readonly lines: number;
    readonly bytes: number;
    readonly errors: number;
    readonly warnings: number;
    readonly discarded: boolean;
  };
  /** The last command that was started. */
  readonly command: readonly string[] | null;
  /** Lines may still come. */
  readonly live: boolean;
  /** Shown while there are no lines. */
  readonly empty: string;
}

/** A run's log, the same while it is written and a year later. */
export function LogViewer({ run, fileName, log, command, live, empty }: LogViewerProps) {
  if (log.discarded) {
    return (
      <Frame>
        <div className="flex h-12 items-center gap-2 border-b border-border px-5">
          <h2 className="font-medium">Log</h2>
          <span className="text-small text-faint">{countOf(log.lines, "line")}</span>
        </div>
        {command && <LogCommand argv={command} />}
        <EmptyLog>This log was deleted because it is older than the retention period.</EmptyLog>
      </Frame>
    );
  }
  return <LogBody key={run} run={run} fileName={fileName} log={log} command={command} live={live} empty={empty} />;
}

let mounts = 0;

function LogBody({ run, fileName, log, command, live, empty }: LogViewerProps) {
  const { source, state, readOutline } = useLog(run, log.lines);
  const { wrap, times, tall } = useLogDisplay();
  const last = Math.max(state.last, log.lines);
  const linked = useLinkedLine();
  const { box, rows, virtualizer, ...view } = useLogRows({ source, state, last, wrap, begin: live && linked === null });
  const { jump, topLine, toggleFold } = view;
  // The router puts what was scrolled back where it was, also when only the line in the address changes; here the viewer decides. So
  // the box is never the one that the router remembers.
  const [mount] = useState(() => {
    mounts += 1;
    return mounts;
  });
  const restorationId = `log-${mount}-${linked}`;

  const [query, setQuery] = useState("");
  const search = useSearch(run, query, last);
  const hits = search.kind === "found" ? search.hits.lines : [];
  const [current, setCurrent] = useState<number | null>(null);
  const atHit = current === null ? -1 : hits[lowerBound(hits, current)] === current ? lowerBound(hits, current) : -1;

  const goTo = useCallback(
    (n: number | undefined) => {
      if (n === undefined) return;
      setCurrent(n);
      jump(n);
    },
    [jump],
  );

  // A search that was just made begins at what is in sight; one that was made again leaves the reader where he is.
  const searched = useRef("");
  const found = search.kind === "found" ? search.hits : null;
  useEffect(() => {
    if (found === null || searched.current === found.query) return;
    searched.current = found.query;
    goTo(found.lines[lowerBound(found.lines, topLine())] ?? found.lines[0]);
  }, [found, goTo, topLine]);

  const [marked, setMarked] = useState<number | null>(null);
  if (marked !== linked) {
    setMarked(linked);
    if (linked !== null) setCurrent(linked);
  }
  const picked = useRef<number | null>(null);
  useEffect(() => {
    if (linked === null || picked.current === linked) return;
    jump(linked);
    box.current?.scrollIntoView({ block: "nearest" });
  }, [linked, jump, box]);
  const navigate = useNavigate();
  const pick = useCallback(
    (n: number) => {
      picked.current = n;
      setCurrent(n);
      void navigate({ to: ".", search: true, hash: `L${n}`, replace: true, resetScroll: false, hashScrollIntoView: false });
    },
    [navigate],
  );

  const change = (next: string) => {
    setQuery(next);
    if (next === "") searched.current = "";
  };
  const step = (by: 1 | -1) => goTo(hits[neighbourOf(hits, current ?? topLine() - 1, by)]);
  const jumpLevel = (level: "error" | "warning") => {
    const lines = level === "error" ? state.errors : state.warnings;
    goTo(lines[neighbourOf(lines, current ?? 0, 1)]);
  };
  const frame = useRef<HTMLElement>(null);
  const wasTall = useRef(tall);
  useEffect(() => {
    if (tall && !wasTall.current) frame.current?.scrollIntoView({ block: "end" });
    wasTall.current = tall;
  }, [tall]);
  const tryAgain = () => {
    readOutline();
    view.read();
  };

  const items = virtualizer.getVirtualItems();
  return (
    <Frame ref={frame}>
      <LogToolbar
        lines={last}
        query={query}
        search={search}
        current={atHit}
        errors={Math.max(log.errors, state.errors.length)}
        warnings={Math.max(log.warnings, state.warnings.length)}
        onQuery={change}
        onStep={step}
        onJump={jumpLevel}
      >
        <CopyLog run={run} bytes={log.bytes} />
        <RawLink href={rawLogUrl(run)} name={fileName} />
      </LogToolbar>
      {command && <LogCommand argv={command} />}
      {state.problem !== null && <LogError onRetry={tryAgain}>Part of the log could not be loaded. {state.problem}</LogError>}
      {search.kind === "failed" && <LogError>The search failed. {search.reason}</LogError>}
      <section
        ref={box}
        aria-label="Lines of the log"
        data-scroll-restoration-id={restorationId}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard (WCAG 2.1.1).
        tabIndex={0}
        className={classNames(
          "min-h-44 overflow-auto bg-sunken font-mono text-label leading-5 [overflow-anchor:none] focus-visible:-outline-offset-2",
          tall ? "max-h-[calc(100dvh-160px)]" : "max-h-[max(360px,calc(100dvh-560px))] max-phone:max-h-[60dvh]",
        )}
        style={{ height: virtualizer.getTotalSize() }}
      >
        {last === 0 ? (
          <EmptyLog>{empty}</EmptyLog>
        ) : (
          <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
            <div
              className={classNames("absolute top-0 left-0 min-w-full", wrap ? "w-full" : "w-max")}
              style={{ transform: `translateY(${items[0]?.start ?? EDGE}px)` }}
            >
              {items.map(({ index }) => {
                const row = rows.at(index);
                const n = row.kind === "line" ? row.n : row.from;
                return (
                  <div key={`${view.revision} ${n}`} data-index={index} ref={wrap ? virtualizer.measureElement : undefined}>
                    {row.kind === "fold" ? (
                      <FoldRow
                        from={row.from}
                        to={row.to}
                        first={source.line(row.from)}
                        last={source.line(row.to)}
                        times={times}
                        wrap={wrap}
                        onPick={pick}
                        onOpen={toggleFold}
                      />
                    ) : (
                      <LogLineRow
                        n={n}
                        line={source.line(n)}
                        times={times}
                        wrap={wrap}
                        query={query}
                        current={current === n}
                        onPick={pick}
                        onFold={view.opened.has(n) ? toggleFold : undefined}
                      />
                    )}
                  </div>
                );
              })}
            </div>
          </div>
        )}
      </section>
      {live && !view.following && (
        <div className="absolute inset-x-0 bottom-0 flex h-12 items-center justify-end gap-3 rounded-b-l border-t border-border bg-surface px-3">
          <span className="text-small text-muted">{view.jumped ? "Not following" : "Not following: you scrolled up"}</span>
          <Button size="row" icon={ArrowDownToLine} onClick={view.toEnd}>
            {view.newLines > 0 ? countOf(view.newLines, "new line") : "Jump to end"}
          </Button>
        </div>
      )}
    </Frame>
  );
}

/** The line that the address names, `#L196`. */
function useLinkedLine(): number | null {
  return useLocation({
    select: ({ hash }) => {
      const digits = /^L([1-9]\d{0,8})$/.exec(hash)?.[1];
      return digits === undefined ? null : Number(digits);
    },
  });
}

function Frame({ ref, children }: { ref?: RefObject<HTMLElement | null>; children: ReactNode }) {
  return (
    <section ref={ref} aria-label="Log" className="relative overflow-clip rounded-l border border-border bg-surface">
      {children}
    </section>
  );
}

function EmptyLog({ children }: { children: string }) {
  return (
    <p className="grid min-h-44 place-items-center bg-sunken px-5 text-center font-sans text-small text-muted">{children}</p>
  );
}

function LogError({ children, onRetry }: { children: ReactNode; onRetry?: () => void }) {
  return (
    <div role="alert" className="flex min-h-10 items-center gap-3 border-b border-border bg-broken-soft px-5 py-1.5 text-small">
      <StatusIcon status="broken" size={16} />
      <span className="min-w-0 flex-1">{children}</span>
      {onRetry && (
        <Button size="row" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
