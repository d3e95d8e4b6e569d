import type { Status } from "@nixfleet/protocol";
import type { ReactNode } from "react";
import { STATUS_FILL, StatusIcon } from "./status-icon.tsx";

/** Something failed: what, the next step, and its actions. Shown in the place of what failed to load. */
export function ProblemNotice({
  status = "broken",
  title,
  children,
  next,
  actions,
  aside,
}: {
  status?: Status;
  title: ReactNode;
  /** The first error lines, or whatever shows the cause. */
  children?: ReactNode;
  next?: ReactNode;
  actions?: ReactNode;
  /** When it happened, and by whom. */
  aside?: ReactNode;
}) {
  return (
    <section role="alert" className="relative grid gap-3 overflow-hidden rounded-l border border-border bg-surface px-5 py-3.5">
      <i aria-hidden="true" className={`absolute inset-y-0 left-0 w-[3px] ${STATUS_FILL[status]}`} />
      <div className="flex items-center gap-2">
        <StatusIcon status={status} size={18} />
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
