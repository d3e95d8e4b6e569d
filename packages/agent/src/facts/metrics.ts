import type { Metrics } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { MachineSource } from "./machine-source.ts";
import type { CpuTicks } from "./proc-files.ts";

/** A longer pause between two measurements says nothing about now. Milliseconds. */
const LONGEST_SPAN = 10 * 60_000;

export interface MetricsReader {
  /** One measurement. Shares and rates are those since the one before; the first has none. */
  read(): Promise<Metrics>;
}

export interface MetricsDeps {
  source: Pick<MachineSource, "cpu" | "load" | "memory" | "network">;
  disks: () => Promise<NonNullable<Metrics["disks"]>>;
  clock: Clock;
}

export function createMetricsReader({ source, disks, clock }: MetricsDeps): MetricsReader {
  let cpuBefore: CpuTicks | undefined;
  let networkBefore: { in: number; out: number; at: number } | undefined;

  return {
    async read() {
      const at = clock.now();
      const [cpu, load, memory, network, disk] = await Promise.all([
        source.cpu(),
        source.load(),
        source.memory(),
        source.network(),
        disks(),
      ]);
      const share = cpuShare(cpuBefore, cpu);
      const rate = network && networkBefore && networkRate(networkBefore, { ...network, at });
      cpuBefore = cpu;
      networkBefore = network && { ...network, at };
      return {
        at,
        ...(share !== undefined && { cpu: share }),
        ...(load !== undefined && { load }),
        ...memory,
        ...(disk.length > 0 && { disks: disk }),
        ...(rate && { network: rate }),
      };
    },
  };
}

function cpuShare(before: CpuTicks | undefined, now: CpuTicks | undefined): number | undefined {
  if (before === undefined || now === undefined || now.total <= before.total) return undefined;
  const share = (now.busy - before.busy) / (now.total - before.total);
  return Math.round(Math.min(1, Math.max(0, share)) * 1000) / 1000;
}

function networkRate(
  before: { in: number; out: number; at: number },
  now: { in: number; out: number; at: number },
): { in: number; out: number } | undefined {
  const seconds = (now.at - before.at) / 1000;
  // Counters restart when a card is taken out or its driver reloaded.
  const usable = seconds > 0 && seconds * 1000 <= LONGEST_SPAN && now.in >= before.in && now.out >= before.out;
  return usable
    ? { in: Math.round((now.in - before.in) / seconds), out: Math.round((now.out - before.out) / seconds) }
    : undefined;
}
