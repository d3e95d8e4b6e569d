import type { Status } from "@nixfleet/protocol";
import { Check, CircleCheck, CircleDashed, CircleX, LoaderCircle, type LucideIcon, TriangleAlert } from "lucide-react";
import { classNames } from "./class-names.ts";
import { Icon } from "./icon.tsx";

const ICONS = {
  ok: CircleCheck,
  attention: TriangleAlert,
  broken: CircleX,
  working: LoaderCircle,
  unknown: CircleDashed,
} as const satisfies Record<Status, LucideIcon>;

export const STATUS_TEXT = {
  ok: "text-ok",
  attention: "text-attention",
  broken: "text-broken",
  working: "text-working",
  unknown: "text-unknown",
} as const satisfies Record<Status, string>;

export const STATUS_FILL = {
  ok: "bg-ok-fill",
  attention: "bg-attention-fill",
  broken: "bg-broken-fill",
  working: "bg-working-fill",
  unknown: "bg-unknown-fill",
} as const satisfies Record<Status, string>;

/** The word of a status where there is no other, and for screen readers. */
export const STATUS_WORDS = {
  ok: "ok",
  attention: "needs attention",
  broken: "broken",
  working: "working",
  unknown: "unknown",
} as const satisfies Record<Status, string>;

/** The shape of a status; shapes differ without colour. `quiet` draws a good state as a mere tick. */
export function StatusIcon({
  status,
  size = 14,
  quiet = false,
  className,
}: {
  status: Status;
  size?: 12 | 14 | 16 | 18 | 20 | 24;
  quiet?: boolean;
  className?: string;
}) {
  return (
    <Icon
      of={status === "ok" && quiet ? Check : ICONS[status]}
      size={size}
      className={classNames(STATUS_TEXT[status], status === "working" && "animate-turn", className)}
    />
  );
}

/** The mark at the start of a row: the icon, or a dot when the status is ok. Screen readers get its word. */
export function StatusMark({ status }: { status: Status }) {
  return (
    <span className="grid w-[14px] flex-none place-items-center">
      {status === "ok" ? <i className="size-2 rounded-full bg-ok-fill" /> : <StatusIcon status={status} />}
      <span className="sr-only">{STATUS_WORDS[status]}</span>
    </span>
  );
}
