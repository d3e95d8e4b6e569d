import { type Status, sentence, shortCommit, type TargetView } from "@nixfleet/protocol";
import { ArrowUpRight, ChevronDown, GitBranch, RefreshCw } from "lucide-react";
import { memo, useState } from "react";
import { Button, IconButton } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Icon } from "../../components/icon.tsx";
import { RelativeTime } from "../../components/relative-time.tsx";
import { SectionHead } from "../../components/section-head.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { STATUS_FILL, StatusIcon } from "../../components/status-icon.tsx";
import { notify } from "../../components/toast.tsx";
import { countOf } from "../../format/quantity.ts";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";
import { useIsPhone } from "../../screen/use-media.ts";
import type { FleetSummary } from "./groups-of-status.ts";

/** The target, how many hosts run it, and the ages of its inputs. */
export const TargetPanel = memo(function TargetPanel({
  target,
  statuses,
}: {
  target: TargetView | undefined;
  statuses: FleetSummary["statuses"];
}) {
  const [refreshing, setRefreshing] = useState(false);
  const refresh = async () => {
    setRefreshing(true);
    try {
      await call("refreshTarget", {});
    } catch (error) {
      notify({ status: "broken", title: "Could not read the config repository", detail: messageOf(error) });
    }
    setRefreshing(false);
  };
  return (
    <section className="flex h-full flex-col">
      <SectionHead
        title="Target"
        end={
          target &&
          target.state !== "not-configured" && (
            <>
              <span className="flex items-center gap-1 text-small text-muted">
                <Icon of={GitBranch} />
                {target.branch}
              </span>
              <IconButton
                icon={RefreshCw}
                label="Read the config repository now"
                size="row"
                className={refreshing ? "[&_svg]:animate-turn" : ""}
                aria-busy={refreshing || undefined}
                onClick={() => !refreshing && void refresh()}
              />
            </>
          )
        }
      />
      <TargetBody target={target} statuses={statuses} onRefresh={() => void refresh()} />
    </section>
  );
});

function TargetBody({
  target,
  statuses,
  onRefresh,
}: {
  target: TargetView | undefined;
  statuses: FleetSummary["statuses"];
  onRefresh: () => void;
}) {
  if (target === undefined) {
    return (
      <div className="grid gap-3 pt-2">
        <Skeleton className="w-64" />
        <Skeleton className="w-40" />
      </div>
    );
  }
  if (target.state === "not-configured") {
    return (
      <p className="text-small text-muted">
        No config repository is configured, so there is no target for hosts. Set <code>NIXFLEET_REPO_URL</code> and restart the
        dashboard.
      </p>
    );
  }
  if (target.state === "never-read") {
    return (
      <div className="grid justify-items-start gap-2 text-small">
        {target.problem === null ? (
          <p className="flex gap-2 text-muted">
            <StatusIcon status="working" size={18} />
            Reading the config repository for the first time.
          </p>
        ) : (
          <>
            <p className="flex gap-2">
              <StatusIcon status="broken" size={18} />
              <b>The config repository cannot be read.</b>
            </p>
            <p className="wrap-anywhere">{target.problem}</p>
            {target.next && <p className="text-muted">{target.next}</p>}
            <Button size="row" onClick={onRefresh}>
              Try again
            </Button>
          </>
        )}
      </div>
    );
  }
  const total = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return (
    <>
      <p className="mb-1 text-subject font-medium text-balance wrap-anywhere">{target.subject}</p>
      <p className="flex flex-wrap items-center gap-x-2 text-small text-muted">
        {target.url ? (
          <a href={target.url} target="_blank" rel="noreferrer" className="inline-flex items-center gap-1 max-phone:min-h-11">
            <code className="underlined">{shortCommit(target.commit)}</code>
            <Icon of={ArrowUpRight} />
          </a>
        ) : (
          <span className="inline-flex items-center">
            <code>{shortCommit(target.commit)}</code>
            <CopyButton text={target.commit} name="the commit" size="row" />
          </span>
        )}
        <span className="truncate">{target.author}</span>
        <RelativeTime at={target.committedAt} />
      </p>
      {total > 0 && (
        <>
          <Strip statuses={statuses} total={total} />
          <p className="mt-1.5 text-label text-muted">
            {statuses.ok} of {countOf(total, "host")} current{statuses.working > 0 && `, ${statuses.working} running`}
          </p>
        </>
      )}
      {target.problem && (
        <div className="mt-3 flex gap-2 text-small">
          <StatusIcon status={target.stale ? "broken" : "attention"} size={18} />
          <div className="min-w-0">
            <p className="font-medium">
              {target.stale ? "The target is out of date: " : ""}last read <RelativeTime at={target.fetchedAt} />
            </p>
            <p className="wrap-anywhere text-muted">
              {sentence(target.problem)} {target.next}
            </p>
          </div>
        </div>
      )}
      <Inputs inputs={target.inputs} />
    </>
  );
}

const ORDER = ["ok", "working", "unknown", "attention", "broken"] as const satisfies readonly Status[];
const MOST_SEGMENTS = 40;

/** The fleet as a strip: a segment for each host, or for many hosts a part for each status. */
function Strip({ statuses, total }: { statuses: FleetSummary["statuses"]; total: number }) {
  const segments =
    total <= MOST_SEGMENTS
      ? ORDER.flatMap((status) =>
          Array.from({ length: statuses[status] }, (_, index) => ({ key: `${status}${index}`, status, grow: 1 })),
        )
      : ORDER.filter((status) => statuses[status] > 0).map((status) => ({ key: status, status, grow: statuses[status] }));
  return (
    <div aria-hidden="true" className="mt-3 flex gap-0.5">
      {segments.map(({ key, status, grow }) => (
        <i key={key} className={`h-1.5 min-w-0.5 rounded-[2px] ${STATUS_FILL[status]}`} style={{ flex: `${grow} 1 0` }} />
      ))}
    </div>
  );
}

const MOST_INPUTS = 4;

/** The inputs of the target's lock file, the oldest first: they are what an update would move. */
function Inputs({ inputs }: { inputs: Extract<TargetView, { state: "known" }>["inputs"] }) {
  const phone = useIsPhone();
  const entries = Object.entries(inputs).sort(
    ([a, one], [b, other]) => (one.lastModified ?? Infinity) - (other.lastModified ?? Infinity) || a.localeCompare(b, "en"),
  );
  if (entries.length === 0) return null;
  const table = (
    <>
      <table className="w-full text-small">
        <tbody>
          {entries.slice(0, MOST_INPUTS).map(([name, input]) => (
            <tr key={name}>
              <th scope="row" className="h-7 max-w-0 truncate pr-2 text-left font-normal">
                <code>{name}</code>
              </th>
              <td className="w-20 text-muted">
                <code>{input.revision ? shortCommit(input.revision) : ""}</code>
              </td>
              <td className="w-24 text-right text-muted">
                {input.lastModified !== undefined && <RelativeTime at={input.lastModified} form="old" />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {entries.length > MOST_INPUTS && (
        <p className="pt-1 text-label text-faint">and {countOf(entries.length - MOST_INPUTS, "newer input")}</p>
      )}
    </>
  );
  if (phone) {
    return (
      <details className="mt-2 border-t border-border">
        <summary className="flex min-h-11 items-center gap-2 text-small text-muted">
          <span className="flex-1">{countOf(entries.length, "input")}</span>
          <Icon of={ChevronDown} size={16} />
        </summary>
        {table}
      </details>
    );
  }
  return (
    <div className="mt-auto pt-4">
      <div className="border-t border-border pt-3.5">
        <h3 className="mb-1.5 font-medium">Inputs</h3>
        {table}
      </div>
    </div>
  );
}
