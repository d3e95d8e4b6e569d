import type { NumberedLine } from "@nixfleet/protocol";
import { memo } from "react";
import { classNames } from "../components/class-names.ts";
import { type AnsiColor, type AnsiSpan, parseAnsi } from "./ansi.ts";
import { FoldButton } from "./fold-button.tsx";
import { LineNumber, LineTime } from "./line-margin.tsx";
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

const LEVELS = { error: "text-broken", warning: undefined, noise: "text-faint" } as const;

const MARK = "rounded-[2px] bg-accent-soft text-accent outline outline-accent-fill";

/** The builder that speaks, as Nix writes it before each of its lines: `linux-6.12.61> `. */
const BUILDER = /^[\w.+?=-]+> /;

/** How Nix begins a warning where it may not use colours. */
const WARNING = /^(?:evaluation )?warning:/;

function spansOf(line: NumberedLine): readonly AnsiSpan[] {
  const warning = line.level === "warning" ? WARNING.exec(line.text)?.[0] : undefined;
  if (warning !== undefined) return [{ text: warning, color: "yellow" }, ...parseAnsi(line.text.slice(warning.length))];
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
  onFold,
}: {
  n: number;
  /** Absent while it is being read. */
  line: NumberedLine | undefined;
  times: boolean;
  wrap: boolean;
  query: string;
  current: boolean;
  onPick: (n: number) => void;
  /** Of the first line of a fold that was opened: folds it again. */
  onFold?: ((from: number) => void) | undefined;
}) {
  const broken = line?.level === "error";
  return (
    <div
      data-line={n}
      className={classNames(
        "flex min-h-5 gap-4 border-l-[3px] pr-5 leading-5",
        broken ? "border-broken-fill bg-broken-soft" : "border-transparent",
        current && (broken ? "outline -outline-offset-1 outline-accent-fill" : "bg-accent-soft"),
      )}
    >
      <LineNumber n={n} onPick={onPick} />
      {times && <LineTime at={line?.at} />}
      {onFold && <FoldButton open label="Fold these lines" onPress={() => onFold(n)} />}
      <span
        className={classNames(
          wrap ? "min-w-0 wrap-anywhere whitespace-pre-wrap" : "whitespace-pre",
          line?.level && LEVELS[line.level],
        )}
      >
        {line !== undefined &&
          markHits(spansOf(line), query).map((span, index) => {
            const style = classNames(
              span.color && COLORS[span.color],
              span.bold && "font-semibold",
              span.dim && "text-faint",
              span.italic && "italic",
              span.underline && "underline",
            );
            const Part = span.marked ? "mark" : "span";
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: spans of a line never change places.
              <Part key={index} className={span.marked ? classNames(MARK, style) : style}>
                {span.text}
              </Part>
            );
          })}
      </span>
    </div>
  );
});
