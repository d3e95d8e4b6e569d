import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createProcessTree } from "./process-tree.ts";

export interface ExecRequest {
  /** Program and arguments. No shell reads them. A program without a slash is looked up in `env.PATH`. */
  argv: readonly [string, ...string[]];
  /** The child's whole environment: nothing is inherited. */
  env: Readonly<Record<string, string>>;
  cwd?: string;
  /** Written to the child's standard input, which is otherwise empty. */
  stdin?: string | Uint8Array;
  /** Aborting ends the whole process tree: SIGTERM to the group, SIGKILL to all that is left after `graceMs`. */
  signal?: AbortSignal;
  /** Default 2,000. */
  graceMs?: number;
  /** How long after the child's end a process that it left behind may keep the output open. Default 2,000. */
  drainMs?: number;
  /** End what the child leaves behind in its session too, when it ends by itself. Default false. */
  endLeftovers?: boolean;
  /** Bytes kept of each stream for the result, from its start. Default 1 MiB; 0 keeps none. */
  captureBytes?: number;
  onStdout?(chunk: Buffer): void;
  onStderr?(chunk: Buffer): void;
}

export type ExecEnd =
  | { kind: "exited"; exitCode: number }
  | { kind: "signalled"; signal: NodeJS.Signals }
  /** The program never ran. `code` as errno has it (ENOENT, EACCES, …), or ABORTED. */
  | { kind: "spawn-failed"; code: string; message: string };

export interface ExecResult {
  end: ExecEnd;
  /** The signal was aborted before the child had ended by itself. */
  aborted: boolean;
  stdout: string;
  stderr: string;
  /** More was printed than was captured. */
  truncated: boolean;
}

export interface RunningProcess {
  /** The child and leader of its own session and group; absent if it never ran. */
  readonly pid: number | undefined;
  /** Never rejects, unless an output callback throws: then the tree is ended first. */
  readonly result: Promise<ExecResult>;
}

export type Exec = (request: ExecRequest) => RunningProcess;

/** Whether a program ran, ended with 0, and was not asked to stop. */
export function succeeded(result: ExecResult): boolean {
  return !result.aborted && result.end.kind === "exited" && result.end.exitCode === 0;
}

/** How a program ended, for a person: "exit code 2", "killed by SIGSEGV", or why it did not start. */
export function describeEnd(end: ExecEnd): string {
  if (end.kind === "exited") return `exit code ${end.exitCode}`;
  return end.kind === "signalled" ? `killed by ${end.signal}` : end.message;
}

/** Runs a program in a session of its own, so that it can be ended with all that it started, and with nothing else. */
export const exec: Exec = (request) => {
  if (request.signal?.aborted) {
    return { pid: undefined, result: Promise.resolve(neverRan("ABORTED", "stopped before it started", true)) };
  }
  const [program, ...args] = request.argv;
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: request.cwd,
      env: request.env,
      detached: true,
      shell: false,
      stdio: [request.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
  } catch (error) {
    // Some failures of spawn are thrown (a zero byte in an argument, too long a list), others are emitted.
    const { code = "EINVAL", message } = error as NodeJS.ErrnoException;
    return { pid: undefined, result: Promise.resolve(neverRan(code, message, false)) };
  }
  return { pid: child.pid, result: follow(child, request) };
};

function neverRan(code: string, message: string, aborted: boolean): ExecResult {
  return { end: { kind: "spawn-failed", code, message }, aborted, stdout: "", stderr: "", truncated: false };
}

async function follow(child: ChildProcess, request: ExecRequest): Promise<ExecResult> {
  const { signal, graceMs = 2000, drainMs = 2000, captureBytes = 1024 * 1024 } = request;
  const stdout = createCapture(captureBytes);
  const stderr = createCapture(captureBytes);
  const tree = child.pid === undefined ? undefined : createProcessTree(child.pid);
  let aborted = false;
  let hasEnded = false;
  let ending: Promise<void> | undefined;
  let broken: { error: unknown } | undefined;

  const endTree = () => {
    ending ??= tree?.end(graceMs);
  };
  const onAbort = () => {
    aborted ||= !hasEnded;
    endTree();
  };
  const listen = (stream: NodeJS.ReadableStream | null, capture: Capture, callback: ((chunk: Buffer) => void) | undefined) => {
    stream?.on("data", (chunk: Buffer) => {
      capture.add(chunk);
      try {
        if (broken === undefined) callback?.(chunk);
      } catch (error) {
        broken = { error };
        endTree();
      }
    });
    // A pipe that breaks while it is read has nothing more to give: what the process did is told by its end.
    stream?.on("error", () => {});
  };
  listen(child.stdout, stdout, request.onStdout);
  listen(child.stderr, stderr, request.onStderr);
  // A child may end, or close its input, without having read it: EPIPE is no fault of either side.
  child.stdin?.on("error", () => {});
  child.stdin?.end(request.stdin);

  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ended = new Promise<ExecEnd>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => resolve(spawnFailure(error, request)));
    child.once("exit", (exitCode, killedBy) =>
      resolve(killedBy === null ? { kind: "exited", exitCode: exitCode ?? 0 } : { kind: "signalled", signal: killedBy }),
    );
  });
  signal?.addEventListener("abort", onAbort, { once: true });

  const end = await ended;
  hasEnded = true;
  if (end.kind === "spawn-failed") {
    signal?.removeEventListener("abort", onAbort);
    return neverRan(end.code, end.message, aborted);
  }
  if (request.endLeftovers) endTree();
  await ending;
  if (!(await settlesWithin(closed, drainMs))) {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
  signal?.removeEventListener("abort", onAbort);
  await ending;
  if (broken !== undefined) throw broken.error;
  return { end, aborted, stdout: stdout.text(), stderr: stderr.text(), truncated: stdout.truncated() || stderr.truncated() };
}

function spawnFailure(error: NodeJS.ErrnoException, request: ExecRequest): ExecEnd {
  const code = error.code ?? "UNKNOWN";
  const program = request.argv[0];
  if (code !== "ENOENT") return { kind: "spawn-failed", code, message: `${program} could not be started: ${code}` };
  const message =
    request.cwd !== undefined && !existsSync(request.cwd)
      ? `the working directory ${request.cwd} does not exist`
      : `the program ${program} was not found`;
  return { kind: "spawn-failed", code, message };
}

/** Whether the promise settles in time. When time is up, one more round of reading is given, for a machine that slept. */
async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => setImmediate(() => setImmediate(() => resolve(false))), ms);
  });
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}

interface Capture {
  add(chunk: Buffer): void;
  text(): string;
  truncated(): boolean;
}

function createCapture(limit: number): Capture {
  const chunks: Buffer[] = [];
  let kept = 0;
  let seen = 0;
  return {
    add(chunk) {
      seen += chunk.length;
      if (kept >= limit) return;
      const part = chunk.subarray(0, limit - kept);
      chunks.push(part);
      kept += part.length;
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
    truncated: () => seen > kept,
  };
}
