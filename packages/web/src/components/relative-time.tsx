import { formatAge, formatAgo, formatExact } from "../format/duration.ts";
import { useTimed } from "../time/clock.ts";
import { Tip } from "./tooltip.tsx";

/** How long ago something was; the exact time on hover. `form`: `6 d`, `6 d ago` or `6 d old`. */
export function RelativeTime({
  at,
  form = "ago",
  className,
}: {
  at: number;
  form?: "bare" | "ago" | "old";
  className?: string | undefined;
}) {
  const text = useTimed((now) =>
    form === "ago" ? formatAgo(at, now) : form === "old" ? `${formatAge(now - at)} old` : formatAge(now - at),
  );
  return (
    <Tip text={formatExact(at)}>
      <time dateTime={new Date(at).toISOString()} className={`whitespace-nowrap ${className ?? ""}`}>
        {text}
      </time>
    </Tip>
  );
}
