import type { Status } from "@nixfleet/protocol";
import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";
import { Icon, type LucideIcon } from "./icon.tsx";
import { STATUS_TEXT, StatusIcon } from "./status-icon.tsx";

const SOFT = {
  ok: "bg-ok-soft",
  attention: "bg-attention-soft",
  broken: "bg-broken-soft",
  working: "bg-working-soft",
  unknown: "bg-unknown-soft",
} as const satisfies Record<Status, string>;

/**
 * A status in an icon and a word. Good and not-known are quiet; what needs a look has a background. `loud` gives those two a
 * background too, for a page's head.
 */
export function StatusPill({
  status,
  loud = false,
  icon,
  hang = false,
  className,
  children,
}: {
  status: Status;
  loud?: boolean;
  /** In place of the status's own icon: an hourglass for what is queued. */
  icon?: LucideIcon;
  /** Lets the background hang 6 px out to the left, so that icons line up with text above and below. */
  hang?: boolean;
  className?: string | undefined;
  children: ReactNode;
}) {
  const quiet = !loud && (status === "ok" || status === "unknown");
  return (
    <span
      className={classNames(
        "inline-flex h-6 max-w-full items-center gap-[5px] rounded-s pr-2 pl-1.5 align-middle text-small whitespace-nowrap compact:h-5",
        quiet ? "text-muted" : classNames("font-medium", STATUS_TEXT[status], SOFT[status]),
        hang && "-ml-1.5",
        className,
      )}
    >
      {icon ? <Icon of={icon} className={STATUS_TEXT[status]} /> : <StatusIcon status={status} quiet={quiet} />}
      <span className="truncate">{children}</span>
    </span>
  );
}
