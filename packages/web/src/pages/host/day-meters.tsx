import type { HostView, RouteOutput } from "@nixfleet/protocol";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { SectionHead } from "../../components/section-head.tsx";
import { Sparkline } from "../../components/sparkline.tsx";
import { formatClock } from "../../format/duration.ts";
import { formatBytes, formatBytesOf, formatLoad, formatPercent } from "../../format/quantity.ts";
import { call } from "../../live/api.ts";
import { messageOf } from "../../ops/message-of.ts";
import { serverNow } from "../../time/clock.ts";
import { daySamples, peakOf } from "./day-samples.ts";

type Sample = RouteOutput<"hostMetrics">["items"][number];

/** The machine's metrics now and over the last day. */
export function DayMeters({ view }: { view: HostView }) {
  const { metrics, row, settings } = view;
  const history = useQuery({
    queryKey: ["metrics", row.id],
    queryFn: ({ signal }) => call("hostMetrics", { params: { host: row.id } }, signal),
    refetchInterval: 5 * 60_000,
    staleTime: 60_000,
  });
  const items = history.data?.items ?? [];
  const now = serverNow();
  const cpuPeak = peakOf(items, (item) => item.cpu);
  return (
    <section>
      <SectionHead
        title="Last 24 hours"
        className="mt-4"
        end={
          <span className="text-label text-faint">
            {history.isError ? messageOf(history.error) : settings && `every ${settings.interval}\u00a0s while this page is open`}
          </span>
        }
      />
      <div className="grid grid-cols-4 gap-8 max-desk:grid-cols-2 max-phone:gap-4">
        <DayMeter
          name="CPU"
          value={metrics?.cpu === undefined ? undefined : formatPercent(metrics.cpu)}
          items={items}
          field="cpu"
          max={1}
          note={cpuPeak && `peak ${formatPercent(cpuPeak.value)} at ${formatClock(cpuPeak.at, now)}`}
        />
        <DayMeter
          name="Load"
          value={metrics?.load === undefined ? undefined : formatLoad(metrics.load)}
          items={items}
          field="load"
          max={row.cores ?? undefined}
          note={row.cores === null ? undefined : `${row.cores} ${row.cores === 1 ? "core" : "cores"}`}
        />
        <DayMeter
          name="Memory"
          value={metrics?.memory && formatPercent(metrics.memory.used / metrics.memory.total)}
          items={items}
          field="memory"
          max={1}
          note={metrics?.memory && formatBytesOf(metrics.memory.used, metrics.memory.total)}
        />
        <DayMeter
          name="Network"
          value={metrics?.network && `${formatBytes(metrics.network.in)}/s`}
          items={items}
          field="networkIn"
          note={metrics?.network && `in; out ${formatBytes(metrics.network.out)}/s`}
        />
      </div>
    </section>
  );
}

function DayMeter({
  name,
  value,
  items,
  field,
  max,
  note,
}: {
  name: string;
  value: string | undefined;
  items: readonly Sample[];
  field: "cpu" | "load" | "memory" | "networkIn";
  max?: number | undefined;
  note: string | undefined;
}) {
  const samples = useMemo(() => daySamples(items, (item) => item[field], serverNow()), [items, field]);
  return (
    <div className="min-w-0">
      <div className="flex items-center justify-between gap-2">
        <span className="text-small text-muted">{name}</span>
        <span className="text-subject tabular-nums">{value ?? "–"}</span>
      </div>
      <Sparkline samples={samples} max={max} />
      <p className="mt-1 truncate text-label text-faint tabular-nums">{note ?? "\u00a0"}</p>
    </div>
  );
}
