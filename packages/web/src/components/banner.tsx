import type { Status } from "@nixfleet/protocol";
import type { ReactNode } from "react";
import { StatusIcon } from "./status-icon.tsx";

const SOFT = { attention: "bg-attention-soft", broken: "bg-broken-soft", working: "bg-working-soft" } as const;

/** One sentence over the page about all of it: the target cannot be read, the link is down. */
export function Banner({
  status,
  children,
  action,
}: {
  status: Extract<Status, keyof typeof SOFT>;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div role="status" className={`flex min-h-10 items-center gap-3 px-(--gutter) py-2 text-small ${SOFT[status]}`}>
      <StatusIcon status={status} size={18} />
      <div className="min-w-0 flex-1">{children}</div>
      {action}
    </div>
  );
}
