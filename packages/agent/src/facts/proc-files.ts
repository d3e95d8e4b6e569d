/** Parsers of what the Linux kernel tells in text files (proc(5)) and of os-release(5). What is not there is undefined, never zero (R24). */

/** CPU time since boot, in the kernel's ticks, over all cores. */
export interface CpuTicks {
  busy: number;
  total: number;
}

/** The first line of /proc/stat (proc_stat(5)). Guest time is part of user time already; waiting for a disk is not busy. */
export function parseCpu(stat: string): CpuTicks | undefined {
  const match = /^cpu +(\d[\d ]*)$/m.exec(stat);
  if (match?.[1] === undefined) return undefined;
  const [user, nice, system, idle, wait = 0, interrupts = 0, soft = 0, steal = 0] = match[1].trim().split(/\s+/).map(Number);
  if (user === undefined || nice === undefined || system === undefined || idle === undefined) return undefined;
  const busy = user + nice + system + interrupts + soft + steal;
  return { busy, total: busy + idle + wait };
}

/** When the machine booted, in milliseconds since 1970: `btime` of /proc/stat. */
export function parseBootTime(stat: string): number | undefined {
  const match = /^btime (\d+)$/m.exec(stat);
  return match === null ? undefined : Number(match[1]) * 1000;
}

/** The load average of the last minute, from /proc/loadavg. */
export function parseLoad(loadavg: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s/.exec(loadavg);
  return match === null ? undefined : Number(match[1]);
}

export interface Usage {
  used: number;
  total: number;
}

/** Bytes of memory and swap, from /proc/meminfo. Used is what could not be had for a new program (`MemAvailable`). */
export function parseMemory(meminfo: string): { memory?: Usage; swap?: Usage } {
  const bytes = (name: string) => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo);
    return match === null ? undefined : Number(match[1]) * 1024;
  };
  return {
    ...usage("memory", bytes("MemTotal"), bytes("MemAvailable")),
    ...usage("swap", bytes("SwapTotal"), bytes("SwapFree")),
  };
}

function usage<N extends string>(name: N, total: number | undefined, free: number | undefined): { [K in N]?: Usage } {
  if (total === undefined || free === undefined) return {};
  return { [name]: { used: Math.max(0, total - free), total } } as { [K in N]?: Usage };
}

/** Bytes received and sent since boot, over the given interfaces, from /proc/net/dev. */
export function parseNetwork(netDev: string, counts: (name: string) => boolean): { in: number; out: number } | undefined {
  const interfaces = [...netDev.matchAll(/^\s*([^\s:|]+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/gm)].filter(([, name = ""]) =>
    counts(name),
  );
  if (interfaces.length === 0) return undefined;
  const sum = (index: number) => interfaces.reduce((total, match) => total + Number(match[index]), 0);
  return { in: sum(2), out: sum(3) };
}

/** The system's name and version for people, from /etc/os-release. */
export function parseOsRelease(text: string): { id: string; name: string; version: string } | undefined {
  const value = (key: string) => {
    const match = new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1]?.trim();
    return match?.replace(/^(["'])(.*)\1$/, "$2").replace(/\\(["$`\\])/g, "$1");
  };
  const name = value("NAME");
  if (name === undefined) return undefined;
  return { id: value("ID") ?? "linux", name, version: value("VERSION") ?? value("VERSION_ID") ?? "" };
}
