import type { Usage } from "./proc-files.ts";

/** Bytes of memory, from `vm_stat` (vm_stat(1)) and `hw.memsize`: used is what is active, wired or compressed. */
export function parseVmStat(text: string, total: number): Usage | undefined {
  const page = /page size of (\d+) bytes/.exec(text)?.[1];
  const pages = (name: string) => {
    const count = new RegExp(`^${name}:\\s+(\\d+)\\.`, "m").exec(text)?.[1];
    return count === undefined ? undefined : Number(count);
  };
  const active = pages("Pages active");
  const wired = pages("Pages wired down");
  const compressed = pages("Pages occupied by compressor");
  if (page === undefined || active === undefined || wired === undefined || compressed === undefined) return undefined;
  return { used: Math.min(total, (active + wired + compressed) * Number(page)), total };
}

/** Bytes of swap, from `sysctl -n vm.swapusage`: `total = 2048.00M  used = 1143.25M  free = 904.75M  (encrypted)`. */
export function parseSwapUsage(text: string): Usage | undefined {
  const bytes = (name: string) => {
    const match = new RegExp(`${name} = (\\d+(?:[.,]\\d+)?)([KMG])`).exec(text);
    const unit = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match?.[2] ?? ""];
    return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1].replace(",", ".")) * unit);
  };
  const total = bytes("total");
  const used = bytes("used");
  return total === undefined || used === undefined ? undefined : { used, total };
}

/** When the machine booted, in milliseconds, from `sysctl -n kern.boottime`: `{ sec = 1767225600, usec = 0 } Thu Jan …`. */
export function parseDarwinBootTime(text: string): number | undefined {
  const match = /sec = (\d+)/.exec(text);
  return match === null ? undefined : Number(match[1]) * 1000;
}

/** Bytes received and sent since boot, from `netstat -ibn`: the rows of the link layer, loopback left out. */
export function parseNetstat(text: string): { in: number; out: number } | undefined {
  const [header = "", ...rows] = text.split("\n");
  const columns = header.trim().split(/\s+/);
  const fromEnd = (name: string) => columns.indexOf(name) - columns.length;
  if (!columns.includes("Ibytes") || !columns.includes("Obytes")) return undefined;
  let sum: { in: number; out: number } | undefined;
  for (const row of rows) {
    const fields = row.trim().split(/\s+/);
    if (!fields[2]?.startsWith("<Link#") || fields[0]?.startsWith("lo")) continue;
    const received = Number(fields.at(fromEnd("Ibytes")));
    const sent = Number(fields.at(fromEnd("Obytes")));
    if (Number.isFinite(received) && Number.isFinite(sent)) sum = { in: (sum?.in ?? 0) + received, out: (sum?.out ?? 0) + sent };
  }
  return sum;
}
