import { readdir } from "node:fs/promises";
import { type Exec, succeeded } from "@nixfleet/runtime";

/** Jobs are asked for one by one: launchd lists them only together with hundreds of Apple's own. */
const MAX_JOBS = 60;
const LIMIT = 10_000;

/** A job, as `launchctl print <domain>/<label>` shows it (launchctl(1)). Unknown: launchctl cannot be run. */
export type PrintedJob = { kind: "loaded"; text: string } | { kind: "missing" } | { kind: "unknown" };

/** One domain of launchd, `system` or `gui/<uid>`: every call of launchctl goes through this. */
export interface Launchd {
  readonly kind: "launchd";
  readonly domain: string;
  print(label: string): Promise<PrintedJob>;
  /**
   * Labels of jobs that do not run and ended badly the last time, of those whose property lists are in a directory of a closure:
   * Apple's own come and go. Undefined where launchctl cannot be run.
   */
  failedJobs(plists: string): Promise<string[] | undefined>;
}

export function createLaunchd({ exec, domain }: { exec: Exec; domain: string }): Launchd {
  const print: Launchd["print"] = async (label) => {
    const argv: [string, ...string[]] = ["/bin/launchctl", "print", `${domain}/${label}`];
    const result = await exec({ argv, env: { LC_ALL: "C" }, signal: AbortSignal.timeout(LIMIT) }).result;
    if (result.end.kind === "spawn-failed") return { kind: "unknown" };
    return succeeded(result) ? { kind: "loaded", text: result.stdout } : { kind: "missing" };
  };
  return {
    kind: "launchd",
    domain,
    print,
    async failedJobs(plists) {
      const failed: string[] = [];
      for (const label of (await labelsIn(plists)).slice(0, MAX_JOBS)) {
        const shown = await print(label);
        if (shown.kind === "unknown") return undefined;
        if (shown.kind === "loaded" && hasFailed(shown.text)) failed.push(label);
      }
      return failed;
    },
  };
}

/** Whether a job, as `launchctl print <domain>/<label>` shows it, does not run and ended badly the last time. */
export function hasFailed(text: string): boolean {
  const value = (name: string) => new RegExp(`^\\t${name} = (.*)$`, "m").exec(text)?.[1];
  if (value("state") === "running") return false;
  if (value("last terminating signal") !== undefined) return true;
  return /^[1-9-]/.test(value("last exit code") ?? "0"); // "(never exited)", "0", "78: EX_CONFIG"
}

/** Whether a job, as `launchctl print <domain>/<label>` shows it, runs. */
export function isRunning(text: string): boolean {
  return /^[ \t]*state = running$/m.test(text);
}

/** The labels of the property lists in a directory: nix-darwin and Home Manager name them so. */
export async function labelsIn(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names.flatMap((name) => (name.endsWith(".plist") ? [name.slice(0, -".plist".length)] : [])).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
