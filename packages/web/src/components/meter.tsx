import { wholePercent } from "../format/quantity.ts";
import { classNames } from "./class-names.ts";

const TONES = {
  neutral: "bg-unknown-fill",
  attention: "bg-attention-fill",
  ok: "bg-ok-fill",
  working: "bg-working-fill",
} as const;

/** A share of something, drawn. `share` absent: not known, an empty track. */
export function Bar({
  share,
  tone = "neutral",
  label,
  className,
}: {
  share: number | undefined;
  tone?: keyof typeof TONES;
  /** The name for screen readers; without it the bar only decorates its number. */
  label?: string;
  /** Classes for height and position; the default is 4 px high. */
  className?: string;
}) {
  const fill = (
    <i
      className={classNames("block h-full origin-left rounded-[2px] transition-transform duration-400 ease-linear", TONES[tone])}
      style={{ transform: `scaleX(${Math.min(1, Math.max(0, share ?? 0))})` }}
    />
  );
  const classes = classNames("block min-w-4 overflow-hidden rounded-[2px] bg-track", className ?? "h-1");
  if (!label) {
    return (
      <span aria-hidden="true" className={classes}>
        {fill}
      </span>
    );
  }
  return (
    <span
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(share === undefined ? {} : { "aria-valuenow": wholePercent(share) })}
      className={classes}
    >
      {fill}
    </span>
  );
}

/** A bar with its number, in a table's column: the number has a fixed place, so that nothing moves when it changes. */
export function Meter({
  share,
  tone = "neutral",
  children,
}: {
  share: number | undefined;
  tone?: keyof typeof TONES;
  children: string;
}) {
  return (
    <span className="grid grid-cols-[minmax(0,1fr)_28px] items-center gap-1.5 text-label text-muted">
      <Bar share={share} tone={tone} />
      <span className="text-right">{children}</span>
    </span>
  );
}
