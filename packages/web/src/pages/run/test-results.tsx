import type { Status, TestResult } from "@nixfleet/protocol";
import { SectionHead } from "../../components/section-head.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { formatDuration } from "../../format/duration.ts";
import { countOf } from "../../format/quantity.ts";

const OUTCOMES = {
  passed: { status: "ok", word: "passed" },
  failed: { status: "broken", word: "failed" },
  "timed-out": { status: "broken", word: "timed out" },
  cancelled: { status: "unknown", word: "cancelled" },
} as const satisfies Record<TestResult["outcome"], { status: Status; word: string }>;

const ROW = 36;
const MOST_ROWS = 8;

/** Each of the host's own tests as it ends. Room for all of them is there from the first one on. */
export function TestResults({ results, ended }: { results: readonly TestResult[]; ended: boolean }) {
  const total = results[0]?.total ?? 0;
  const passed = results.filter((result) => result.outcome === "passed").length;
  const rows = ended ? results.length : total;
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
        style={{ height: Math.min(rows, MOST_ROWS) * ROW + 1 }}
      >
        {results.map(({ number, script, outcome, milliseconds }) => (
          <li key={number} className="flex h-9 items-center gap-3 border-b border-border text-small last:border-b-0">
            <StatusIcon status={OUTCOMES[outcome].status} size={16} quiet />
            <code className="min-w-0 flex-1 truncate">{script}</code>
            <span className={outcome === "passed" ? "text-muted" : "font-medium text-text"}>{OUTCOMES[outcome].word}</span>
            <span className="w-20 text-right text-muted tabular-nums">
              {milliseconds < 1_000 ? `${milliseconds}\u00a0ms` : formatDuration(milliseconds)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
