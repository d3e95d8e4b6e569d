import { formatPercent, wholePercent } from "../format/quantity.ts";
import { classNames } from "./class-names.ts";

export interface PhaseSegment {
  readonly name: string;
  readonly label: string;
  readonly state: "done" | "current" | "to-come" | "failed" | "refused" | "skipped";
  /** Width beside the others, from how long the phase usually takes on this host. */
  readonly weight: number;
  /** The done share of the current phase, 0 to 1. Absent: unknown, so nothing is filled. */
  readonly share?: number | undefined;
  /** Time taken, share done or an estimate, as it is to be read. */
  readonly note: string;
}

const FILL = {
  done: "bg-working-fill opacity-55",
  current: "bg-working-fill",
  failed: "bg-broken-fill",
  refused: "bg-attention-fill",
  "to-come": "",
  skipped: "",
} as const satisfies Record<PhaseSegment["state"], string>;

/** A run's phases in order: done, current, to come. Widths animate between the server's values and never run ahead of them. */
export function PhaseBar({ segments, tall = false }: { segments: readonly PhaseSegment[]; tall?: boolean }) {
  return (
    <ol className="flex gap-[3px]" aria-label="Phases">
      {segments.map((segment, index) => (
        <li
          key={segment.name}
          className={classNames("max-phone:min-w-0", tall ? "min-w-19" : "min-w-14")}
          style={{ flex: `${segment.weight} 1 0` }}
          aria-current={segment.state === "current" ? "step" : undefined}
        >
          <div
            className={classNames(
              "overflow-hidden rounded-[2px] bg-track",
              tall ? "h-2" : "h-1.5",
              index === 0 && "rounded-l-[3px]",
              index === segments.length - 1 && "rounded-r-[3px]",
            )}
          >
            <SegmentFill segment={segment} />
          </div>
          <p
            className={classNames(
              "mt-1.5 flex gap-1.5 overflow-hidden text-label whitespace-nowrap tabular-nums max-phone:overflow-visible",
              segment.state === "current"
                ? "font-medium text-text"
                : classNames("max-phone:sr-only", segment.state === "done" ? "text-muted" : "text-faint"),
            )}
          >
            <span className="flex-none">{segment.label}</span>
            <span
              className={classNames(
                "truncate",
                segment.state === "current"
                  ? "text-working"
                  : segment.state === "failed"
                    ? "text-broken"
                    : segment.state === "refused"
                      ? "text-attention"
                      : "font-normal text-faint",
              )}
            >
              {segment.note}
            </span>
          </p>
        </li>
      ))}
    </ol>
  );
}

function SegmentFill({ segment }: { segment: PhaseSegment }) {
  if (segment.state === "to-come" || segment.state === "skipped") return null;
  const share = segment.state === "current" ? (segment.share ?? 0) : 1;
  const fill = (
    <i
      className={classNames(
        "block h-full origin-left rounded-[2px] transition-transform duration-400 ease-linear",
        FILL[segment.state],
      )}
      style={{ transform: `scaleX(${share})` }}
    />
  );
  if (segment.state !== "current" || segment.share === undefined) return fill;
  return (
    <div
      role="progressbar"
      aria-label={segment.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={wholePercent(share)}
      aria-valuetext={formatPercent(share)}
      className="h-full"
    >
      {fill}
    </div>
  );
}
