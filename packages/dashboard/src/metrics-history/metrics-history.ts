import type { HostId, Metrics, RouteOutput } from "@nixfleet/protocol";
import { type Clock, every, type Recurring } from "@nixfleet/runtime";
import type { Bus } from "../bus.ts";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/index.ts";

/** Milliseconds that one point of the history covers. */
export const SPAN = 5 * 60_000;
const DAY = 24 * 60 * 60_000;
/** Maximum spans in memory while nothing can be stored. */
const MAX_UNSTORED_SPANS = 12;
/** Rows of one statement: SQLite takes 32,766 parameters. */
const ROWS_AT_ONCE = 500;

type Point = RouteOutput<"hostMetrics">["items"][number];
const FIELDS = ["cpu", "load", "memory", "networkIn", "networkOut"] as const;
/** Alternating sum and count of each field: 80 bytes per host. */
type Sums = Float64Array;

/** Five-minute averages of host measurements over a day. Only the sums of the current span are in memory (R43). */
export interface MetricsHistory extends AsyncDisposable {
  start(): void;
  stop(): Promise<void>;
  /** The last day of a host, oldest first, including the current span. Spans without measurements are missing. */
  read(hostId: HostId): Promise<Point[]>;
}

export interface MetricsHistoryDeps {
  store: Store;
  bus: Bus;
  clock: Clock;
  log: Logger;
  presence: { of(hostId: HostId): { readonly metrics: Metrics | null } };
}

export function createMetricsHistory({ store, bus, clock, log, presence }: MetricsHistoryDeps): MetricsHistory {
  /** By start of the span; more than the current one only while nothing can be stored. */
  const spans = new Map<number, Map<HostId, Sums>>();
  let ending = new AbortController();
  let storeTimer: Recurring | undefined;

  const spanOf = (time: number) => Math.floor(time / SPAN) * SPAN;

  function addMeasurement(hostId: HostId): void {
    const { metrics } = presence.of(hostId);
    if (metrics === null) return;
    const at = spanOf(clock.now());
    const hosts = spans.get(at) ?? new Map<HostId, Sums>();
    spans.set(at, hosts);
    const sums = hosts.get(hostId) ?? new Float64Array(2 * FIELDS.length);
    hosts.set(hostId, sums);
    for (const [place, value] of valuesOf(metrics).entries()) {
      // Count measured zeros, but not missing values (R24).
      if (value === undefined) continue;
      sums[2 * place] = (sums[2 * place] ?? 0) + value;
      sums[2 * place + 1] = (sums[2 * place + 1] ?? 0) + 1;
    }
  }

  /** Stores every finished span and deletes those older than a day, in one transaction for all hosts. */
  async function storeFinishedSpans(now: number, all = false): Promise<void> {
    const ended = [...spans.keys()].filter((at) => all || at + SPAN <= now);
    if (ended.length === 0) return;
    try {
      await store.change(async ({ db: trx }) => {
        const known = new Set((await trx.selectFrom("hosts").select("id").execute()).map(({ id }) => id));
        const rows = ended.flatMap((at) =>
          [...(spans.get(at) ?? [])]
            .filter(([hostId]) => known.has(hostId))
            .map(([hostId, sums]) => rowOf(hostId, pointOf(at, sums))),
        );
        for (let first = 0; first < rows.length; first += ROWS_AT_ONCE) {
          await trx
            .insertInto("metrics_history")
            .values(rows.slice(first, first + ROWS_AT_ONCE))
            // The dashboard was restarted during the span.
            .onConflict((conflict) => conflict.columns(["host_id", "at"]).doNothing())
            .execute();
        }
        await trx
          .deleteFrom("metrics_history")
          .where("at", "<", spanOf(now) - DAY)
          .execute();
      });
      for (const at of ended) spans.delete(at);
    } catch (error) {
      log.warn({ err: error }, "Measurements could not be stored; they are kept for an hour");
      for (const at of [...spans.keys()].sort((a, b) => a - b).slice(0, -MAX_UNSTORED_SPANS)) spans.delete(at);
    }
  }

  const history: MetricsHistory = {
    start() {
      ending = new AbortController();
      const options = { owner: "metrics history", signal: ending.signal };
      bus.on("host.metrics", ({ hostId }) => addMeasurement(hostId), options);
      bus.on(
        "host.removed",
        ({ hostId }) => {
          for (const hosts of spans.values()) hosts.delete(hostId);
        },
        options,
      );
      storeTimer = every(() => storeFinishedSpans(clock.now()), {
        clock,
        // At the end of each span, by the clock.
        interval: () => spanOf(clock.now()) + SPAN - clock.now(),
        onError: (error) => log.error({ err: error }, "Measurements could not be stored"),
      });
    },

    async stop() {
      if (ending.signal.aborted) return;
      ending.abort();
      await storeTimer?.[Symbol.asyncDispose]();
      await storeFinishedSpans(clock.now(), true);
    },

    async read(hostId) {
      const from = spanOf(clock.now()) - DAY;
      const rows = await store.db
        .selectFrom("metrics_history")
        .selectAll()
        .where("host_id", "=", hostId)
        .where("at", ">=", from)
        .execute();
      const points = new Map(
        rows.map((row): [number, Point] => [
          row.at,
          {
            at: row.at,
            cpu: row.cpu,
            load: row.load,
            memory: row.memory,
            networkIn: row.network_in,
            networkOut: row.network_out,
          },
        ]),
      );
      for (const [at, hosts] of spans) {
        const sums = hosts.get(hostId);
        if (sums !== undefined && !points.has(at)) points.set(at, pointOf(at, sums));
      }
      return [...points.values()].sort((a, b) => a.at - b.at);
    },

    [Symbol.asyncDispose]: () => history.stop(),
  };
  return history;
}

/** In the order of FIELDS. Memory as its used share. */
function valuesOf({ cpu, load, memory, network }: Metrics): (number | undefined)[] {
  const share = memory === undefined || memory.total === 0 ? undefined : Math.min(1, memory.used / memory.total);
  return [cpu, load, share, network?.in, network?.out];
}

function pointOf(at: number, sums: Sums): Point {
  const mean = (place: number) => {
    const [sum = 0, count = 0] = sums.subarray(2 * place, 2 * place + 2);
    return count === 0 ? null : sum / count;
  };
  return { at, ...(Object.fromEntries(FIELDS.map((field, place) => [field, mean(place)])) as Omit<Point, "at">) };
}

function rowOf(host_id: HostId, { networkIn, networkOut, ...point }: Point) {
  return { host_id, ...point, network_in: networkIn, network_out: networkOut };
}
