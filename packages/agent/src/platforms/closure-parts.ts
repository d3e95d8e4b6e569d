import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { resolve } from "./links.ts";

/** What of a NixOS closure only a boot loads. */
const BOOT_PARTS = ["kernel", "initrd", "kernel-modules"] as const;
const MAX_INHIBITORS_BYTES = 1024 * 1024;
const MAX_INIT_BYTES = 1024;

/** What of the booted closure differs from another, so that only a reboot brings it: parts, and names of inhibitors. */
export async function bootDifferences(booted: string, closure: string): Promise<string[]> {
  const reasons: string[] = [];
  for (const part of BOOT_PARTS) {
    if (!(await isSamePart(booted, closure, part))) reasons.push(part);
  }
  return [...reasons, ...(await inhibitorsBetween(booted, closure))];
}

/** Whether two closures have the same part: the same store path behind it or, where it is in the closure, the same content. */
async function isSamePart(one: string, other: string, part: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((closure) => resolve(join(closure, part))));
  if (a === b || a === undefined || b === undefined) return a === b;
  if (!a.startsWith(`${one}/`) || !b.startsWith(`${other}/`)) return false;
  if (!(await stat(a)).isFile() || !(await stat(b)).isFile()) return true; // Nothing that a boot would read again.
  return (await readFile(a)).equals(await readFile(b));
}

const Inhibitors = z.lazy(() => z.record(z.string().min(1).max(100), z.string().max(4000)));

/**
 * What keeps one closure from being switched to while the other runs: `init` where their interfaces to it differ, and names of
 * `system.switch.inhibitors` that are in both with different values, as the check of NixOS compares them. One that only one of them
 * names inhibits nothing, and a closure of before that option has no such file.
 */
export async function inhibitorsBetween(from: string, to: string): Promise<string[]> {
  const [before, after] = await Promise.all([readInhibitors(from), readInhibitors(to)]);
  const names = Object.keys(before)
    .filter((name) => Object.hasOwn(after, name) && before[name] !== after[name])
    .sort()
    .slice(0, 40);
  return (await hasOtherInit(from, to)) ? ["init", ...names] : names;
}

/**
 * Whether switch-to-configuration would end with 100, having done nothing, since the running systemd does not understand the new units
 * (`init-interface-version`; main.rs of nixpkgs 0145c6da and the Perl program before it: one that is not there is an empty one).
 */
async function hasOtherInit(from: string, to: string): Promise<boolean> {
  const read = async (closure: string) => {
    const path = await resolve(join(closure, "init-interface-version"));
    return path === undefined || (await stat(path)).size > MAX_INIT_BYTES ? undefined : readFile(path, "utf8");
  };
  const [before = "", after] = await Promise.all([read(from), read(to)]);
  return after !== undefined && after !== before;
}

async function readInhibitors(closure: string): Promise<Record<string, string>> {
  const path = await resolve(join(closure, "switch-inhibitors"));
  if (path === undefined) return {};
  const { size } = await stat(path);
  if (size > MAX_INHIBITORS_BYTES) return {};
  try {
    const parsed = Inhibitors.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? parsed.data : {};
  } catch {
    return {}; // Another form than NixOS writes: what it means is not known, and the closure's own check still looks.
  }
}

/** The files that a boot loader copies to its partition, by the store path or content path behind them, with their sizes. */
export async function bootFiles(closure: string): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for (const part of ["kernel", "initrd"]) {
    const path = await resolve(join(closure, part));
    if (path !== undefined) files.set(path, (await stat(path)).size);
  }
  return files;
}
