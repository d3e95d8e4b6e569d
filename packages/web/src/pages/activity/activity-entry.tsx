import type { AuditEntry, Status } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { StatusIcon } from "../../components/status-icon.tsx";
import { Tip } from "../../components/tooltip.tsx";
import { formatExact, formatTimeOfDay } from "../../format/duration.ts";
import { countOf } from "../../format/quantity.ts";
import { useIsPhone } from "../../screen/use-media.ts";

const OUTCOMES = {
  done: { status: "ok", word: "done" },
  refused: { status: "attention", word: "refused" },
  failed: { status: "broken", word: "failed" },
} as const satisfies Record<AuditEntry["outcome"], { status: Status; word: string }>;

/** One entry: when, what, on which hosts, by whom, from where. Links to its run, else to its host. */
export function ActivityEntry({ entry }: { entry: AuditEntry }) {
  const { status, word } = OUTCOMES[entry.outcome];
  const phone = useIsPhone();
  if (phone) {
    return (
      <li className="flex min-h-11 items-start gap-3 border-t border-border py-2.5 text-small">
        <span className="grid h-5 place-items-center">
          <StatusIcon status={status} size={16} quiet />
        </span>
        <span className="min-w-0 flex-1 wrap-anywhere">
          <span className="sr-only">{word}: </span>
          <Lead entry={entry}>{entry.sentence}</Lead>
          <span className="block text-muted">
            {entry.who}
            {entry.from && `, ${entry.from}`}
          </span>
        </span>
        <time dateTime={new Date(entry.at).toISOString()} className="text-faint">
          {formatTimeOfDay(entry.at)}
        </time>
      </li>
    );
  }
  return (
    <li className="grid min-h-10 grid-cols-[60px_16px_minmax(0,1fr)_minmax(0,200px)_120px_130px] items-center gap-x-3 border-t border-border py-2 text-small max-desk:grid-cols-[60px_16px_minmax(0,1fr)_120px]">
      <Tip text={formatExact(entry.at)}>
        <time dateTime={new Date(entry.at).toISOString()} className="text-faint">
          {formatTimeOfDay(entry.at)}
        </time>
      </Tip>
      <span>
        <StatusIcon status={status} size={16} quiet />
        <span className="sr-only">{word}: </span>
      </span>
      <span className="min-w-0 wrap-anywhere">
        <Lead entry={entry}>{entry.sentence}</Lead>
      </span>
      <span className="min-w-0 truncate text-muted max-desk:hidden">
        <Hosts hosts={entry.hosts} />
      </span>
      <span className="min-w-0 truncate">
        <Link to="/activity" search={{ who: entry.who }} className="hover:underlined">
          {entry.who}
        </Link>
      </span>
      <span className="min-w-0 truncate text-right text-label text-faint max-desk:hidden">{entry.from}</span>
    </li>
  );
}

function Lead({ entry, children }: { entry: AuditEntry; children: ReactNode }) {
  // On a phone the finger has the height of the whole entry.
  const className =
    "font-medium hover:underlined max-phone:relative max-phone:after:absolute max-phone:after:-inset-y-2.5 max-phone:after:inset-x-0";
  if (entry.runId !== null) {
    return (
      <Link to="/runs/$run" params={{ run: entry.runId }} className={className}>
        {children}
      </Link>
    );
  }
  const [host] = entry.hosts;
  if (host === undefined) return children;
  return (
    <Link to="/hosts/$host" params={{ host: host.name }} className={className}>
      {children}
    </Link>
  );
}

function Hosts({ hosts }: { hosts: AuditEntry["hosts"] }) {
  if (hosts.length > 3) return countOf(hosts.length, "host");
  return hosts.map(({ id, name }, index) => (
    <span key={id}>
      {index > 0 && ", "}
      <Link to="/hosts/$host" params={{ host: name }} className="hover:underlined">
        {name}
      </Link>
    </span>
  ));
}
