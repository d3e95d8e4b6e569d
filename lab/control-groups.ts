import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The hierarchies in which systemd keeps its services: the unified one and, where the old ones are still mounted, its own named
 * one. Each host gets a group of its own in them, or the systemds of two hosts would take each other's services for theirs.
 */
function hierarchies(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const point = before.split(" ")[4] ?? "";
      const [type = "", , options = ""] = after.split(" ");
      return type === "cgroup2" || (type === "cgroup" && options.split(",").includes("name=systemd")) ? [point] : [];
    });
}

/** Where the groups of a host are. */
export const groupsNamed = (name: string): string[] => hierarchies().map((hierarchy) => join(hierarchy, name));

/** Makes the groups of a host. Returns the files that a process writes its number to when it enters them. */
export async function makeGroups(name: string): Promise<string[]> {
  for (const group of groupsNamed(name)) await mkdir(group, { recursive: true });
  return groupsNamed(name).map((group) => join(group, "cgroup.procs"));
}

/** The groups whose names begin so. */
export async function groupsOf(prefix: string): Promise<string[]> {
  const groups: string[] = [];
  for (const hierarchy of hierarchies()) {
    for (const name of await readdir(hierarchy)) if (name.startsWith(prefix)) groups.push(join(hierarchy, name));
  }
  return groups;
}

/** All processes in a group and those below it. */
export async function listProcesses(group: string): Promise<number[]> {
  const found: number[] = [];
  for (const path of await withChildren(group)) {
    const text = await readFile(join(path, "cgroup.procs"), "utf8").catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENODEV") return ""; // The group has just been removed.
      throw error;
    });
    // A process in another pid namespace than ours and its children shows as 0.
    found.push(...text.split("\n").map(Number).filter(Boolean));
  }
  return found;
}

/** Stops all processes in a group and those below it at one moment, or lets them continue (kernel: cgroup-v2, `cgroup.freeze`). */
export async function freeze(group: string, frozen: boolean): Promise<void> {
  const file = join(group, "cgroup.freeze");
  if (!existsSync(file)) return; // systemd's old hierarchy cannot; the unified one holds the same processes.
  const wanted = `frozen ${frozen ? 1 : 0}`;
  await writeFile(file, frozen ? "1" : "0");
  while (!(await readFile(join(group, "cgroup.events"), "utf8")).includes(wanted)) await sleep(5);
}

export async function removeGroups(prefix: string): Promise<void> {
  for (const group of await groupsOf(prefix)) {
    for (const path of (await withChildren(group)).reverse()) await removeGroup(path);
  }
}

/** The kernel lets go of a group a moment after its last process has ended. */
async function removeGroup(path: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await rmdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || tries > 100) throw error;
      await sleep(20);
    }
  }
}

async function withChildren(group: string): Promise<string[]> {
  const entries = await readdir(group, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  const below: string[] = [];
  for (const entry of entries) if (entry.isDirectory()) below.push(...(await withChildren(join(group, entry.name))));
  return [group, ...below];
}
