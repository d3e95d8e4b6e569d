import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

export type ProgramEnd =
  | { readonly kind: "exited"; readonly code: number; readonly output: string }
  | { readonly kind: "timed-out" }
  | { readonly kind: "aborted" };

/**
 * Runs a program to its end, or for at most so many milliseconds, or until the signal aborts. Then nothing of it lives any more
 * that is in its process group.
 */
export async function runProgram(
  argv: readonly [string, ...string[]],
  options: { cwd: string; env?: NodeJS.ProcessEnv; limit: number; signal: AbortSignal },
): Promise<ProgramEnd> {
  if (options.signal.aborted) return { kind: "aborted" };
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const limit = AbortSignal.timeout(Math.ceil(options.limit));
  const end = AbortSignal.any([limit, options.signal]);
  const killGroup = () => child.pid !== undefined && killProcess(-child.pid);
  end.addEventListener("abort", killGroup);
  // Not "close": a program that a test has left may hold the output open.
  const [code] = (await once(child, "exit")) as [number | null];
  end.removeEventListener("abort", killGroup);
  killGroup();
  if (options.signal.aborted) return { kind: "aborted" };
  if (limit.aborted) return { kind: "timed-out" };
  return { kind: "exited", code: code ?? 1, output };
}

/**
 * Ends all programs but this one that were started in a folder or from a file in it, whoever has started them, and of which no word
 * of the command line ends with `except`. Only where there is a proc(5).
 */
export function killProgramsIn(folder: string, except?: string): void {
  if (!existsSync("/proc/self")) return;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) !== process.pid && isOfFolder(pid, folder, except)) killProcess(Number(pid));
  }
}

function isOfFolder(pid: string, folder: string, except: string | undefined): boolean {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    if (except !== undefined && argv.some((word) => word.endsWith(except))) return false;
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) || argv.some((word) => word.startsWith(folder));
  } catch (error) {
    // Gone by now, or another user's.
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
