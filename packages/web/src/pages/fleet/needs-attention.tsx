import type { HostRow } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { HostName } from "../../components/host-name.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { SectionHead } from "../../components/section-head.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { NextButton } from "../../ops/next-button.tsx";

/** So many stand here; the table below has the others. */
const MOST = 6;

/** Each host that wants something, with its cause and the one thing to press. */
export function NeedsAttention({ rows }: { rows: readonly HostRow[] }) {
  const wanting = rows.filter((row) => row.cause !== null);
  return (
    <section>
      <SectionHead title="Needs attention" count={wanting.length} className="px-5" />
      {wanting.length === 0 ? (
        <p className="flex items-center gap-3 border-y border-border px-5 py-3.5 text-muted">
          <StatusIcon status="ok" size={18} />
          Nothing needs attention.
        </p>
      ) : (
        <ul className="border-b border-border">
          {wanting.slice(0, MOST).map((row) => (
            <Wanting key={row.id} row={row} />
          ))}
        </ul>
      )}
      {wanting.length > MOST && (
        <p className="px-5 pt-2.5 text-small text-muted">
          <Link
            to="/"
            search={(search) => ({ ...search, show: "attention" as const })}
            replace
            resetScroll={false}
            className="underlined"
          >
            and {wanting.length - MOST} more
          </Link>
        </p>
      )}
    </section>
  );
}

const Wanting = memo(function Wanting({ row }: { row: HostRow }) {
  return (
    <li className="flex h-12 items-center gap-3 border-t border-border px-5">
      <StatusIcon status={row.status} size={18} />
      <Link to="/hosts/$host" params={{ host: row.name }} className="flex w-28 flex-none">
        <HostName name={row.name} colour={row.color} />
      </Link>
      <p className="min-w-0 flex-1 truncate">
        <span className="font-medium">{row.cause?.lead}</span>
        {row.cause?.detail && <span className="ml-2 text-muted">{row.cause.detail}</span>}
      </p>
      {row.since !== null && (
        <RelativeTime at={row.since} form="bare" className="w-11 flex-none text-right text-label text-faint" />
      )}
      <span className="w-24 flex-none">
        <NextButton row={row} className="w-24" />
      </span>
    </li>
  );
});
