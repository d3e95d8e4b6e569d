import type { BuildProgress, HostId } from "@nixfleet/protocol";
import type { ReactNode } from "react";
import { Bar } from "../../components/meter.tsx";
import { SectionHead } from "../../components/section-head.tsx";
import { StatusIcon } from "../../components/status-icon.tsx";
import { formatDuration } from "../../format/duration.ts";
import { formatBytesOf, formatCount, formatLoad } from "../../format/quantity.ts";
import { useHostRows } from "../../live/use-live.ts";
import { useTimed } from "../../time/clock.ts";

/** The builds in progress with their times, and the counts. The height is fixed, so that the log below does not move. */
export function CurrentBuilds({ progress, hostId }: { progress: BuildProgress; hostId: HostId }) {
  const { builds, copies, bytes, now } = progress;
  const row = useHostRows()?.find(({ id }) => id === hostId);
  const [done = "", of = ""] = bytes.expected > 0 ? formatBytesOf(bytes.done, bytes.expected).split(" of ") : [];
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_392px] gap-10 border-t border-border pt-2 pb-5 max-desk:grid-cols-1 max-desk:gap-0">
      <section aria-label="Building now">
        <SectionHead title="Building now" count={builds.running} />
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard (WCAG 2.1.1). */}
        <ul className="h-36 overflow-y-auto border-t border-border" tabIndex={0} aria-label="Derivations">
          {now.map(({ name, phase, since }) => (
            <li key={name} className="flex h-9 items-center gap-3 border-b border-border last:border-b-0">
              <StatusIcon status="working" size={16} />
              <code className="w-[216px] truncate font-medium max-phone:w-auto max-phone:flex-1">{name}</code>
              <span className="min-w-0 flex-1 truncate text-small text-muted max-phone:hidden">{phase}</span>
              <Since at={since} />
            </li>
          ))}
          {now.length === 0 && <li className="flex h-9 items-center text-small text-muted">Nothing is building.</li>}
        </ul>
      </section>
      <dl className="grid grid-cols-2 content-start gap-x-8 gap-y-4 pt-3 pb-4">
        <Counter name="Derivations" value={formatCount(builds.done)} share={shareOf(builds)}>
          of {formatCount(builds.expected)}
        </Counter>
        {bytes.expected > 0 ? (
          <Counter name="Downloaded" value={done} share={shareOf(bytes)}>
            of {of}
          </Counter>
        ) : (
          <Counter name="Downloaded" value="0" share={undefined}>
            nothing to fetch
          </Counter>
        )}
        <Counter name="From caches" value={formatCount(copies.done)}>
          {copies.expected > copies.done ? `of ${formatCount(copies.expected)} paths` : "paths copied"}
        </Counter>
        {builds.failed > 0 ? (
          <Counter name="Failed" value={formatCount(builds.failed)}>
            {builds.failed === 1 ? "derivation" : "derivations"}
          </Counter>
        ) : (
          row?.load != null && (
            <Counter name="Load" value={formatLoad(row.load)}>
              {row.cores !== null && `on ${row.cores} cores`}
            </Counter>
          )
        )}
      </dl>
    </div>
  );
}

function shareOf({ done, expected }: { done: number; expected: number }): number | undefined {
  return expected > 0 ? done / expected : undefined;
}

function Counter({
  name,
  value,
  children,
  ...bar
}: {
  name: string;
  value: string;
  children: ReactNode;
  share?: number | undefined;
}) {
  return (
    <div>
      <dt className="text-label text-faint">{name}</dt>
      <dd>
        <span className="block text-[18px] leading-6 font-semibold tracking-[-.015em]">
          {value} <span className="text-small font-normal tracking-normal text-muted">{children}</span>
        </span>
        {"share" in bar && <Bar share={bar.share} tone="working" className="mt-1.5 h-1" />}
      </dd>
    </div>
  );
}

function Since({ at }: { at: number }) {
  const text = useTimed((now) => formatDuration(now - at));
  return <span className="text-small whitespace-nowrap tabular-nums">{text}</span>;
}
