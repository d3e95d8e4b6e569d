import { runnerLayout } from "../spool/layout.ts";
import { AccessRecord } from "../spool/shapes.ts";
import { type JsonRead, readUntrustedJson } from "../spool/untrusted-json.ts";
import { type Finding, fails, holds, unknown } from "./finding.ts";
import type { HostReaders } from "./host-readers.ts";

/**
 * Whether macOS lets the runner do what an activation needs: the runner itself has written that down, since whoever checks has
 * rights of their own. Undefined where nothing has to be granted.
 */
export async function checkAccess({
  platform,
  runnerDir,
}: Pick<HostReaders, "platform" | "runnerDir">): Promise<Finding | undefined> {
  if (platform.readAccess === undefined) return undefined;
  return accessFinding(await readUntrustedJson(runnerLayout(runnerDir).access, AccessRecord));
}

/** Judges what the runner has written down. */
export function accessFinding(read: JsonRead<AccessRecord>): Finding {
  const name = "macos-access";
  if (read.kind === "refused") return unknown(name, read.reason);
  if (read.kind === "missing")
    return unknown(name, "the runner has not asked macOS yet: it does so whenever it starts. Pull once");
  const { program, fullDisk, apps } = read.value;
  if (fullDisk) return holds(name, "the runner has Full Disk Access");
  const grant = `Grant Full Disk Access to ${program}: System Settings, Privacy & Security. Then pull, and check again.`;
  switch (apps) {
    case "denied":
      return fails(name, "macOS forbids the runner to change /Applications/Nix Apps, so each activation ends at once", grant);
    case "allowed":
      return holds(name, `the runner may change apps. To add or remove users, ${program} needs Full Disk Access`);
    case "none":
      return holds(name, `not needed now. To add apps, or to add or remove users, ${program} needs Full Disk Access`);
  }
}
