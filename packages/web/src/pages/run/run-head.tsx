import { isTerminal, type RunSummary, type RunView } from "@nixfleet/protocol";
import { Hourglass, PowerOff, Wifi, WifiOff } from "lucide-react";
import { HostName } from "../../components/host-name.tsx";
import { Icon } from "../../components/icon.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { Tip } from "../../components/tooltip.tsx";
import { formatClock, formatExact, formatTimeOfDay } from "../../format/duration.ts";
import { useHostRows } from "../../live/use-live.ts";
import { useTimed } from "../../time/clock.ts";
import { CancelRun } from "./cancel-run.tsx";
import { RetryRun } from "./retry-run.tsx";
import { titleParts } from "./run-words.ts";

/** The head of a run: op, host, state, who started it, and its actions. */
export function RunHead({ view }: { view: RunView }) {
  const { summary } = view;
  const row = useHostRows()?.find(({ id }) => id === summary.hostId);
  const active = !isTerminal(summary.state);
  return (
    <header className="flex flex-wrap items-center gap-x-6 gap-y-3 pt-3 pb-4">
      <div className="min-w-0 flex-1 max-phone:basis-full">
        <h1 className="flex flex-wrap items-center gap-x-3 gap-y-1 text-title">
          <HostName name={summary.hostName} colour={row?.color} size="head" />
          <span className="font-normal text-muted">
            {titleParts(summary.title).map(({ text, code }) =>
              code ? (
                <code key={text} className="text-text">
                  {text}
                </code>
              ) : (
                text
              ),
            )}
          </span>
          <StatusPill
            status={summary.status}
            loud
            className="tracking-normal"
            {...(summary.state === "queued" && { icon: Hourglass })}
          >
            {summary.word}
          </StatusPill>
        </h1>
        <div className="mt-1 flex flex-wrap items-center gap-x-5 gap-y-1 pl-[15px] text-small text-muted">
          <span>
            {summary.startedAt === null ? "Requested " : "Started "}
            <Moment at={summary.startedAt ?? summary.createdAt} /> by {summary.by}
          </span>
          {view.subject && <span className="max-w-140 truncate">“{view.subject}”</span>}
          {view.force && <span>forced</span>}
          {active && summary.state !== "queued" && <Linked run={summary} />}
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-2">
        {active ? (
          <CancelRun view={view} />
        ) : (
          view.retry &&
          summary.hostId !== null && (
            <RetryRun
              retry={view.retry}
              host={summary.hostId}
              refusal={view.outcome?.code ?? null}
              reason={view.outcome?.reason ?? null}
              forced={view.force}
            />
          )
        )}
      </div>
    </header>
  );
}

function Linked({ run: { linkLost, op } }: { run: RunSummary }) {
  if (linkLost && op === "reboot") {
    return (
      <span className="flex items-center gap-1.5">
        <Icon of={PowerOff} className="text-faint" />
        rebooting; waiting for the host
      </span>
    );
  }
  return linkLost ? (
    <span className="flex items-center gap-1.5 text-attention">
      <Icon of={WifiOff} />
      connection lost; the run continues and reports when it is back
    </span>
  ) : (
    <span className="flex items-center gap-1.5">
      <Icon of={Wifi} className="text-faint" />
      connected
    </span>
  );
}

function Moment({ at }: { at: number }) {
  const text = useTimed((now) =>
    new Date(at).toDateString() === new Date(now).toDateString() ? formatTimeOfDay(at) : formatClock(at, now),
  );
  return (
    <Tip text={formatExact(at)}>
      <time dateTime={new Date(at).toISOString()}>{text}</time>
    </Tip>
  );
}
