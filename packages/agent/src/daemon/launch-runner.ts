import { spawn } from "node:child_process";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunnerHandle } from "./runner-launcher.ts";

/** The runner's own output is kept up to this many bytes, twice: what belongs to a run is in its spool. */
const LARGEST_LOG = 1024 * 1024;

/** Never given to the runner: the token is the daemon's alone, and in a runner's environment every build step's parent had it. */
const WITHHELD = [
  "NIXFLEET_TOKEN",
  "NIXFLEET_TOKEN_FILE",
  "CREDENTIALS_DIRECTORY",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
];

export interface LaunchOptions {
  /** Program and arguments of the runner. */
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string | undefined>>;
  stateDir: string;
  runnerDir: string;
}

/** The environment of a runner that this daemon starts. */
export function runnerEnvironment({ env, stateDir, runnerDir }: Omit<LaunchOptions, "argv">): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || WITHHELD.includes(name) ? [] : [[name, value]],
  );
  return { ...Object.fromEntries(kept), NIXFLEET_STATE_DIR: stateDir, NIXFLEET_RUNNER_DIR: runnerDir };
}

/** Starts a runner in a session of its own (setsid(2)), so that neither this daemon's end nor its signals reach it (R29). */
export async function launchRunner(options: LaunchOptions): Promise<RunnerHandle> {
  const [program, ...args] = options.argv;
  await using log = await openLog(options.stateDir);
  const child = spawn(program, args, {
    cwd: "/",
    detached: true,
    env: runnerEnvironment(options),
    stdio: ["ignore", log.fd, log.fd],
  });
  child.unref();
  const ended = new Promise<{ code: number | null; how: string }>((resolve) => {
    child.once("error", (error) => resolve({ code: null, how: error.message }));
    child.once("exit", (code, signal) => resolve({ code, how: signal ?? `exit code ${code}` }));
  });
  return { pid: child.pid, ended };
}

async function openLog(stateDir: string): Promise<FileHandle> {
  const path = join(stateDir, "runner.log");
  const size = await stat(path).then(
    (stats) => stats.size,
    () => 0, // Not there yet.
  );
  if (size > LARGEST_LOG) await rename(path, `${path}.1`);
  return open(path, "a", 0o640);
}
