import type { Metrics } from "@nixfleet/protocol";
import type { MetricsReader } from "../facts/metrics.ts";
import type { Background } from "./background.ts";

export interface MetricReportsDeps {
  metrics: MetricsReader;
  background: Background;
  /** Milliseconds between measurements while somebody is watching. */
  interval: number;
  send: (metrics: Metrics) => void;
}

/** Measures the machine and reports it: often while somebody looks at this host, else when asked to. */
export interface MetricReports {
  /** Measures once without telling: shares and rates are those since the measurement before. */
  begin(): void;
  tell(): Promise<void>;
  /** Somebody looks at this host, or nobody does any more. */
  watch(on: boolean): void;
  readonly isWatched: boolean;
}

export function createMetricReports({ metrics, background, interval, send }: MetricReportsDeps): MetricReports {
  let isWatched = false;

  const tell = async () => send(await metrics.read());
  const watched = background.every("metrics", () => (isWatched ? interval : Number.POSITIVE_INFINITY), tell);

  return {
    begin: () => background.run("metrics", metrics.read()),
    tell,
    watch(on) {
      isWatched = on;
      if (on) void watched.runNow();
      else watched.reschedule();
    },
    get isWatched() {
      return isWatched;
    },
  };
}
