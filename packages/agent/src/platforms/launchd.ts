import { readdir } from "node:fs/promises";
import { type Exec, succeeded } from "@nixfleet/runtime";

/** Jobs are asked for one by one: launchd lists them only together with hundreds of Apple's own. */
const MAX_JOBS = 60;
const LIMIT = 10_000;

/** Jobs of a domain of launchd, `system` or `gui/<uid>`, by the directory of a closure that has their property lists. */
export interface LaunchdJobs {
  domain: string;
  plists: string;
}

/**
 * Labels of jobs that do not run and ended badly the last time, as `launchctl print` tells (launchctl(1)). Only what the
 * configuration installs counts: Apple's own come and go. Undefined where launchctl cannot be asked.
 */
export async function failedJobs(exec: Exec, jobs: readonly LaunchdJobs[]): Promise<string[] | undefined> {
  const failed: string[] = [];
  for (const { domain, plists } of jobs) {
    for (const label of (await labelsIn(plists)).slice(0, MAX_JOBS)) {
      const argv: [string, ...string[]] = ["/bin/launchctl", "print", `${domain}/${label}`];
      const result = await exec({ argv, env: { LC_ALL: "C" }, signal: AbortSignal.timeout(LIMIT) }).result;
      if (result.end.kind === "spawn-failed") return undefined;
      if (succeeded(result) && hasFailed(result.stdout)) failed.push(label);
    }
  }
  return [...new Set(failed)].sort();
}

/** Whether a job, as `launchctl print <domain>/<label>` shows it, does not run and ended badly the last time. */
export function hasFailed(text: string): boolean {
  const value = (name: string) => new RegExp(`^\\t${name} = (.*)$`, "m").exec(text)?.[1];
  if (value("state") === "running") return false;
  if (value("last terminating signal") !== undefined) return true;
  return /^[1-9-]/.test(value("last exit code") ?? "0"); // "(never exited)", "0", "78: EX_CONFIG"
}

/** nix-darwin and Home Manager name a property list by its label. */
async function labelsIn(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.flatMap((name) => (name.endsWith(".plist") ? [name.slice(0, -".plist".length)] : [])).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
