import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MachineSource } from "./machine-source.ts";
import { parseBootTime, parseCpu, parseLoad, parseMemory, parseNetwork, parseOsRelease } from "./proc-files.ts";

/** Reads /proc, /sys and /etc/os-release; `root` is put before them, for tests with recorded files. */
export function createLinuxSource(root = "/"): MachineSource {
  const read = (path: string) => readOrNothing(join(root, path));
  const parsed = async <T>(path: string, parse: (text: string) => T | undefined): Promise<T | undefined> => {
    const text = await read(path);
    return text === undefined ? undefined : parse(text);
  };
  let physical: ReadonlySet<string> | undefined;

  return {
    async os() {
      const release = (await parsed("etc/os-release", parseOsRelease)) ?? (await parsed("usr/lib/os-release", parseOsRelease));
      return release && { name: release.name, version: release.version };
    },
    kernel: () => parsed("proc/sys/kernel/osrelease", (text) => text.trim() || undefined),
    bootedAt: () => parsed("proc/stat", parseBootTime),
    memoryTotal: () => parsed("proc/meminfo", (text) => parseMemory(text).memory?.total),
    cpu: () => parsed("proc/stat", parseCpu),
    load: () => parsed("proc/loadavg", parseLoad),
    memory: async () => (await parsed("proc/meminfo", parseMemory)) ?? {},
    async network() {
      // Bridges and tunnels carry what the cards carry; they would be counted twice. A container has no cards: then all count.
      physical ??= await cards(join(root, "sys/class/net"));
      const known = physical;
      return parsed("proc/net/dev", (text) => parseNetwork(text, (name) => (known.size === 0 ? name !== "lo" : known.has(name))));
    },
  };
}

async function cards(directory: string): Promise<ReadonlySet<string>> {
  const names = await namesIn(directory);
  const found = await Promise.all(
    names.map(async (name) => ((await namesIn(join(directory, name, "device"))).length > 0 ? [name] : [])),
  );
  return new Set(found.flat());
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch {
    return []; // No such device, or a sandbox hides it: the caller counts without.
  }
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined; // Absent or hidden: the fact is absent then (R24).
  }
}
