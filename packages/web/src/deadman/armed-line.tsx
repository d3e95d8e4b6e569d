import { ShieldCheck } from "lucide-react";
import type { ReactNode } from "react";
import { Icon } from "../components/icon.tsx";
import { serverNow, useTimed } from "../time/clock.ts";
import { armedWords } from "./armed-words.ts";

/** The armed dead-man switch: a countdown, and what it means. `children` are at its end. */
export function ArmedLine({ armed, children }: { armed: { until: number; back: string }; children?: ReactNode }) {
  // Rendered each second until the window is over.
  useTimed((now) => Math.max(0, Math.ceil((armed.until - now) / 1_000)));
  const { lead, left, otherwise } = armedWords(armed, serverNow());
  return (
    <section aria-label="Dead-man switch" className="flex items-start gap-3 rounded-l bg-working-soft px-4 py-3">
      <Icon of={ShieldCheck} size={18} className="mt-px text-working" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">
          {lead}
          {left !== null && (
            <>
              {" "}
              (<span className="tabular-nums">{left}</span>)
            </>
          )}
        </p>
        <p className="text-small text-muted wrap-anywhere">
          {otherwise}
          {left !== null &&
            " It is confirmed once the host reaches the dashboard over a new connection, no additional unit has failed, and its health checks pass."}
        </p>
      </div>
      {children}
    </section>
  );
}
