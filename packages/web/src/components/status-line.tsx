import type { Status } from "@nixfleet/protocol";
import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";
import { StatusIcon } from "./status-icon.tsx";

/** A sentence that should be known, of one line or several, with its status before the first. */
export function StatusLine({ status, className, children }: { status: Status; className?: string; children: ReactNode }) {
  return (
    <p className={classNames("flex items-start gap-2 text-small", className)}>
      <span className="grid h-5 place-items-center">
        <StatusIcon status={status} size={16} />
      </span>
      <span className="min-w-0 wrap-anywhere">{children}</span>
    </p>
  );
}
