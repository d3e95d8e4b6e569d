import { opDeclaration, type RunSummary } from "@nixfleet/protocol";
import { Link } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";
import { RelativeTime } from "../../components/relative-time.tsx";
import { StatusPill } from "../../components/status-pill.tsx";
import { Table, Td } from "../../components/table.tsx";
import { formatDuration } from "../../format/duration.ts";
import { useMedia } from "../../screen/use-media.ts";
import { useTimed } from "../../time/clock.ts";

/** Runs of one host, newest first. Each leads to its page. */
export function RunTable({ runs, label }: { runs: readonly RunSummary[]; label: string }) {
  // Below this the sentence would have no room left in a table of six columns.
  const narrow = useMedia("(width < 860px)");
  if (narrow) {
    return (
      <ul aria-label={label} className="border-t border-border">
        {runs.map((run) => (
          <li key={run.id} className="border-b border-border">
            <Link to="/runs/$run" params={{ run: run.id }} className="grid min-h-11 gap-1 py-2.5 text-small">
              <span className="flex items-center gap-2">
                <RunPill run={run} />
                <span className="flex-1 font-medium">{opDeclaration(run.op).label}</span>
                <RelativeTime at={run.createdAt} form="bare" className="text-faint" />
              </span>
              <span className="truncate text-muted">{run.sentence}</span>
            </Link>
          </li>
        ))}
      </ul>
    );
  }
  return (
    <Table aria-label={label}>
      <colgroup>
        <col style={{ width: 150 }} />
        <col style={{ width: 120 }} />
        <col />
        <col style={{ width: 100 }} />
        <col style={{ width: 110 }} />
        <col style={{ width: 90 }} />
      </colgroup>
      <thead className="sr-only">
        <tr>
          <th scope="col">Outcome</th>
          <th scope="col">Op</th>
          <th scope="col">Details</th>
          <th scope="col">Duration</th>
          <th scope="col">By</th>
          <th scope="col">Created</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <tr key={run.id} className="hover:bg-hover [&>td]:border-t [&>td]:border-b-0">
            <Td>
              <RunPill run={run} />
            </Td>
            <Td>
              <Link
                to="/runs/$run"
                params={{ run: run.id }}
                className="font-medium hover:underlined"
                aria-label={`${run.title}, run ${run.number}`}
              >
                {opDeclaration(run.op).label}
              </Link>
            </Td>
            <Td className="text-muted">{run.sentence}</Td>
            <Td className="text-right text-muted">
              <Took run={run} />
            </Td>
            <Td className="text-muted">{run.by}</Td>
            <Td className="pr-0 text-right text-faint">
              <RelativeTime at={run.createdAt} form="bare" />
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function RunPill({ run }: { run: RunSummary }) {
  return (
    <StatusPill status={run.status} {...(run.state === "queued" && { icon: Hourglass })} hang>
      {run.word}
    </StatusPill>
  );
}

function Took({ run }: { run: RunSummary }) {
  const { startedAt, endedAt } = run;
  return useTimed((now) => (startedAt === null ? "–" : formatDuration((endedAt ?? now) - startedAt)));
}
