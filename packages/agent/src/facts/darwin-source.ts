import { cpus, loadavg, release } from "node:os";
import { type Exec, succeeded } from "@nixfleet/runtime";
import { parseDarwinBootTime, parseNetstat, parseSwapUsage, parseVmStat } from "./darwin-output.ts";
import type { MachineSource } from "./machine-source.ts";

/** Reads macOS by sysctl(8), vm_stat(1), netstat(1) and sw_vers(1), each by its own path, without a shell. */
export function createDarwinSource(exec: Exec): MachineSource {
  const ask = async (argv: readonly [string, ...string[]]): Promise<string | undefined> => {
    const result = await exec({ argv, env: { LC_ALL: "C" }, signal: AbortSignal.timeout(5000) }).result;
    return succeeded(result) ? result.stdout.trim() : undefined;
  };
  const sysctl = (name: string) => ask(["/usr/sbin/sysctl", "-n", name]);
  const memoryTotal = async () => {
    const bytes = Number(await sysctl("hw.memsize"));
    return Number.isInteger(bytes) && bytes > 0 ? bytes : undefined;
  };
  let total: number | undefined;

  return {
    async os() {
      const version = await ask(["/usr/bin/sw_vers", "-productVersion"]);
      return version === undefined ? undefined : { name: "macOS", version };
    },
    kernel: async () => release(),
    async bootedAt() {
      const text = await sysctl("kern.boottime");
      return text === undefined ? undefined : parseDarwinBootTime(text);
    },
    memoryTotal,
    async cpu() {
      const times = cpus().map((core) => core.times);
      if (times.length === 0) return undefined;
      const idle = times.reduce((sum, core) => sum + core.idle, 0);
      const busy = times.reduce((sum, core) => sum + core.user + core.nice + core.sys + core.irq, 0);
      return { busy, total: busy + idle };
    },
    load: async () => loadavg()[0],
    async memory() {
      total ??= await memoryTotal();
      const [pages, swap] = await Promise.all([ask(["/usr/bin/vm_stat"]), sysctl("vm.swapusage")]);
      const memory = pages === undefined || total === undefined ? undefined : parseVmStat(pages, total);
      const swapUsage = swap === undefined ? undefined : parseSwapUsage(swap);
      return { ...(memory && { memory }), ...(swapUsage && { swap: swapUsage }) };
    },
    async network() {
      const text = await ask(["/usr/sbin/netstat", "-ibn"]);
      return text === undefined ? undefined : parseNetstat(text);
    },
  };
}
