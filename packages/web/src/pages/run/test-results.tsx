import type { Status, TestResult } from "@nixfleet/protocol";
import { SectionHead } from "../../components/section-head.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { formatDuration } from "../../format/duration.ts";
import { countOf } from "../../format/quantity.ts";
import { plainLine } from "../../log-viewer/ansi.ts";

const OUTCOMES = {
  passed: { status: "ok", word: "passed" },
  failed: { status: "broken", word: "failed" },
  "timed-out": { status: "broken", word: "timed out" },
  cancelled: { status: "unknown", word: "cancelled" },
} as const satisfies Record<TestResult["outcome"], { status: Status; word: string }>;

const ROW = 36;
const MOST_ROWS = 8;

/** Each of the host's own tests as it ends. Room for all of them is there from the first one on. */
export function TestResults({
  results,
  ended,
  firstError,
}: {
  results: readonly TestResult[];
  ended: boolean;
  /** The first words of the run's failure: those of the first test that did not pass. */
  firstError: string | null;
}) {
  const total = results[0]?.total ?? 0;
  const passed = results.filter((result) => result.outcome === "passed").length;
  const rows = ended ? results.length : total;
  const broken = results.find((result) => OUTCOMES[result.outcome].status === "broken");
  return (
    <section aria-label="Tests" className="border-t border-border pt-2 pb-5">
      <SectionHead
        title="Tests"
        end={
          <span className="text-small text-muted tabular-nums">
            {results.length < total
              ? `${results.length} of ${countOf(total, "test")}, ${passed} passed`
              : `${passed} of ${countOf(total, "test")} passed`}
          </span>
        }
      />
      <ul
        className="overflow-y-auto border-t border-border"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard (WCAG 2.1.1).
        tabIndex={0}
        aria-label="Results"
        style={ended ? { maxHeight: MOST_ROWS * ROW + 1 } : { height: Math.min(rows, MOST_ROWS) * ROW + 1 }}
      >
        {results.map(({ number, script, outcome, milliseconds }) => (
          <li key={number} className="border-b border-border text-small last:border-b-0">
            <div className="flex h-[35px] items-center gap-3">
              <StatusIcon status={OUTCOMES[outcome].status} size={16} quiet />
              <code className="min-w-0 flex-1 truncate">{script}</code>
              <span className={outcome === "passed" ? "text-muted" : "font-medium text-text"}>{OUTCOMES[outcome].word}</span>
              <span className="w-20 text-right text-muted tabular-nums">
                {milliseconds < 1_000 ? `${milliseconds}\u00a0ms` : formatDuration(milliseconds)}
              </span>
            </div>
            {ended && firstError !== null && number === broken?.number && (
              <code className="-mt-1 block truncate pb-2 pl-7 text-label text-broken">{plainLine(firstError)}</code>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
