import type { RunSummary } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";
import { Icon } from "../../components/icon.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { useFleetRuns } from "../../live/use-live.ts";

/** Why a run is queued, and the runs ahead of it. */
export function QueuePosition({ run }: { run: RunSummary }) {
  const ahead = (useFleetRuns() ?? [])
    .filter((other) => other.hostId === run.hostId && other.number < run.number)
    .sort((a, b) => a.number - b.number);
  return (
    <section aria-label="Queue" className="grid gap-3 pb-5">
      <p className="flex items-center gap-2">
        <Icon of={Hourglass} size={18} className="text-unknown" />
        {run.sentence}
      </p>
      {ahead.length > 0 && (
        <ul className="border-b border-border">
          {ahead.map((other) => (
            <li key={other.id} className="flex min-h-11 items-center gap-3 border-t border-border text-small">
              <StatusPill status={other.status} {...(other.state === "queued" && { icon: Hourglass })} className="flex-none">
                {other.word}
              </StatusPill>
              <Link to="/runs/$run" params={{ run: other.id }} className="font-medium whitespace-nowrap underlined">
                {other.title}
              </Link>
              <span className="min-w-0 flex-1 truncate text-muted">{other.sentence}</span>
              <span className="text-label text-faint">run {other.number}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
