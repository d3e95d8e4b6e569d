import type { CpuTicks, Usage } from "./proc-files.ts";

/** What the daemon reads of the machine itself. Each answer is undefined where it cannot be read. */
export interface MachineSource {
  os(): Promise<{ name: string; version: string } | undefined>;
  kernel(): Promise<string | undefined>;
  bootedAt(): Promise<number | undefined>;
  memoryTotal(): Promise<number | undefined>;
  cpu(): Promise<CpuTicks | undefined>;
  load(): Promise<number | undefined>;
  memory(): Promise<{ memory?: Usage; swap?: Usage }>;
  /** Bytes since boot. */
  network(): Promise<{ in: number; out: number } | undefined>;
}
