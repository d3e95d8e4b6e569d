import type { ReactNode } from "react";
import { StatusIcon } from "./status-icon.tsx";

/** Something failed: what, the next step, and what can be pressed. Stands where the thing would have stood. */
export function ProblemNotice({
  title,
  children,
  next,
  actions,
  aside,
}: {
  title: ReactNode;
  /** The first error lines, or whatever shows the cause. */
  children?: ReactNode;
  next?: ReactNode;
  actions?: ReactNode;
  /** When it happened, and by whom. */
  aside?: ReactNode;
}) {
  return (
    <section
      role="alert"
      className="relative grid gap-3 overflow-hidden rounded-l border border-border bg-surface px-5 py-3.5 before:absolute before:inset-y-0 before:left-0 before:w-[3px] before:bg-broken-fill"
    >
      <div className="flex items-center gap-2">
        <StatusIcon status="broken" size={18} />
        <p className="min-w-0 flex-1 font-semibold">{title}</p>
        {aside && <span className="text-label text-faint">{aside}</span>}
      </div>
      {children}
      {(next || actions) && (
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1 text-small">
          <div className="min-w-48 flex-1 text-muted">{next}</div>
          {actions}
        </div>
      )}
    </section>
  );
}
