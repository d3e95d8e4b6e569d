import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { AccessReading } from "./platform.ts";

/** Readable for root with Full Disk Access, and for nobody without it. No question comes up on the screen. */
const GUARDED = "Library/Application Support/com.apple.TCC/TCC.db";
const APPS = "Applications/Nix Apps";
/** What macOS says to what it forbids. */
const DENIED = ["EPERM", "EACCES", "EISDIR"];

/**
 * What macOS lets this process do. Users are created and removed with Full Disk Access alone; apps of `/Applications/Nix Apps` are
 * changed with that or with App Management, which nix-darwin finds out by touching `.DS_Store` in each (ensurePerms in
 * modules/users/default.nix and ensureAppManagement in modules/system/applications.nix of nix-darwin a1fa429, June 2026).
 */
export async function readMacAccess(root: string, program: string): Promise<AccessReading> {
  const fullDisk = await canOpen(join(root, GUARDED), "r");
  const apps = (await namesIn(join(root, APPS))).filter((name) => name.endsWith(".app"));
  if (apps.length === 0) return { program, fullDisk, apps: "none" };
  for (const app of apps) {
    if (!(await canOpen(join(root, APPS, app, ".DS_Store"), "a"))) return { program, fullDisk, apps: "denied" };
  }
  return { program, fullDisk, apps: "allowed" };
}

async function canOpen(path: string, flags: "r" | "a"): Promise<boolean> {
  try {
    await (await open(path, flags)).close();
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if ([...DENIED, "ENOENT"].includes(code)) return false;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ([...DENIED, "ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
