import type { Reachability as Reach } from "@nixfleet/protocol";
import { Clock, type LucideIcon, Wifi, WifiOff } from "lucide-react";
import { formatAge, formatExact } from "../format/duration.ts";
import { useTimed } from "../time/clock.ts";
import { Icon } from "./icon.tsx";
import { Tip } from "./tooltip.tsx";

const STYLES = {
  online: { icon: Wifi, className: "text-muted", iconClass: "text-faint" },
  stale: { icon: Clock, className: "text-attention", iconClass: undefined },
  offline: { icon: WifiOff, className: "text-muted", iconClass: undefined },
  never: { icon: WifiOff, className: "text-faint", iconClass: undefined },
} as const satisfies Record<Reach, { icon: LucideIcon; className: string; iconClass: string | undefined }>;

/** Whether a host can be spoken to, and since when not. It never tints the host's status. */
export function Reachability({ state, since }: { state: Reach; since?: number | undefined }) {
  const style = STYLES[state];
  const age = useTimed((now) =>
    since === undefined || state === "online" || state === "never" ? "" : ` ${formatAge(now - since)}`,
  );
  return (
    <Tip text={since === undefined ? undefined : `Last seen ${formatExact(since)}`}>
      <span className={`inline-flex items-center gap-[5px] align-middle text-small whitespace-nowrap ${style.className}`}>
        <Icon of={style.icon} className={style.iconClass} />
        <span>
          {state === "never" ? "never seen" : state}
          {age}
        </span>
      </span>
    </Tip>
  );
}
