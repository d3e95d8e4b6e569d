import type { NumberedLine } from "@nixfleet/protocol";
import { memo } from "react";
import { classNames } from "../components/class-names.ts";
import { formatTimeOfDay } from "../format/duration.ts";
import { type AnsiColor, type AnsiSpan, parseAnsi } from "./ansi.ts";
import { markHits } from "./marks.ts";

const COLORS = {
  black: "text-faint",
  red: "text-broken",
  green: "text-ok",
  yellow: "text-attention",
  blue: "text-working",
  magenta: "text-accent",
  cyan: "text-working",
  white: "text-text",
  faint: "text-faint",
} as const satisfies Record<AnsiColor, string>;

const LEVELS = { error: "text-broken", warning: "text-attention", noise: "text-faint" } as const;

/** The builder that speaks, as Nix writes it before each of its lines: `linux-6.12.61> `. */
const BUILDER = /^[\w.+?=-]+> /;

function spansOf(line: NumberedLine): readonly AnsiSpan[] {
  const builder = line.stream === "build" ? BUILDER.exec(line.text)?.[0] : undefined;
  if (builder === undefined) return parseAnsi(line.text);
  return [{ text: builder, color: "blue" }, ...parseAnsi(line.text.slice(builder.length))];
}

/** One line: its number, which is a link to it, its time, and its text with colours and search hits. Text is only ever text (R50). */
export const LogLineRow = memo(function LogLineRow({
  n,
  line,
  times,
  wrap,
  query,
  current,
  onPick,
}: {
  n: number;
  /** Absent while it is being read. */
  line: NumberedLine | undefined;
  times: boolean;
  wrap: boolean;
  query: string;
  current: boolean;
  onPick: (n: number) => void;
}) {
  const broken = line?.level === "error";
  return (
    <div
      data-line={n}
      className={classNames(
        "flex min-h-5 gap-4 border-l-[3px] pr-5 leading-5",
        broken ? "border-broken-fill bg-broken-soft" : "border-transparent",
        current && "bg-accent-soft",
      )}
    >
      <a
        href={`#L${n}`}
        onClick={(event) => {
          event.preventDefault();
          onPick(n);
        }}
        tabIndex={-1}
        className="w-14 flex-none text-right text-faint tabular-nums select-none hover:text-text max-phone:w-9"
      >
        {n}
      </a>
      {times && (
        <span className="w-15 flex-none text-faint tabular-nums select-none max-phone:hidden">
          {line === undefined ? "" : formatTimeOfDay(line.at)}
        </span>
      )}
      <span
        className={classNames(
          wrap ? "min-w-0 wrap-anywhere whitespace-pre-wrap" : "whitespace-pre",
          line?.level && LEVELS[line.level],
        )}
      >
        {line !== undefined &&
          markHits(spansOf(line), query).map((span, index) => {
            const look = classNames(
              span.color && COLORS[span.color],
              span.bold && "font-semibold",
              span.dim && "text-faint",
              span.italic && "italic",
              span.underline && "underline",
            );
            // Spans of a line never change places: their index is what they are.
            return span.marked ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: see above.
              <mark
                key={index}
                className={classNames("rounded-[2px] bg-accent-soft text-accent outline outline-accent-fill", look)}
              >
                {span.text}
              </mark>
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: see above.
              <span key={index} className={look}>
                {span.text}
              </span>
            );
          })}
      </span>
    </div>
  );
});
