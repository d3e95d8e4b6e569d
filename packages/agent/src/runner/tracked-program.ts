import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { type ExecEnd, type RunningProcess, succeeded } from "@nixfleet/runtime";
import { isUnitActive, stopUnit } from "../deadman/activation-unit.ts";
import { pickVariables } from "../environment.ts";
import type { ActivationCommand } from "../platforms/platform.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { exists } from "../spool/exists.ts";
import { wait } from "../spool/run-record.ts";
import type { RunContext } from "./context.ts";
import { createErrorFinder } from "./first-error.ts";
import { createPlainOutput } from "./output.ts";
import { tailFile } from "./tail-file.ts";

/**
 * Runs a program with its output in one file and its exit code in another: neither depends on the life of the runner or of
 * whoever launches, so it can always be told how the program ended. The code is written over what is there already, which
 * takes no room on a full disk. The text is fixed; paths come as arguments.
 */
const KEEP_TRACK =
  'output=$1; status=$2; shift 2; "$@" >>"$output" 2>&1; code=$?; printf "%-3d\\n" "$code" 1<>"$status.new"; mv "$status.new" "$status"; exit "$code"';
/** As long as the longest exit code. */
const ROOM = "   \n";
const POLL_MS = 200;

/** Begins a program, or does not, if what it is part of has been undone. */
export type Begin = (start: () => RunningProcess) => Promise<RunningProcess | undefined>;

/** Files of a program that outlives its runner. */
export interface Track {
  output: string;
  status: string;
}

interface TrackedRun {
  track: Track;
  begin: Begin;
  /** Ends the program, with its unit. */
  signal?: AbortSignal;
  readLine?: (text: string) => void;
}

/** How a tracked program ended. */
export type TrackedEnd =
  | { kind: "ended"; end: ExecEnd; firstError: string | undefined }
  /** Its launcher reports success, and the program has left no exit code. */
  | { kind: "no-exit-code"; firstError: string | undefined }
  /** By a cancel or the deadline. */
  | { kind: "stopped" }
  /** What it is part of was undone before it could begin. */
  | { kind: "withdrawn" };

/** Makes the room for an exit code, and removes the files of an earlier program. The output is there once the program has begun. */
export async function prepareTrack({ output, status }: Track): Promise<void> {
  for (const path of [output, status]) await rm(path, { force: true });
  await writeFile(`${status}.new`, ROOM, { mode: 0o640 });
}

/** The same for a track that was prepared before, in the room that it has already: the disk may be full by now. */
export async function reuseTrack(track: Track): Promise<void> {
  await rm(track.output, { force: true });
  if (await exists(track.status)) await rename(track.status, `${track.status}.new`);
  else if (!(await exists(`${track.status}.new`))) await prepareTrack(track);
}

/** Runs a program apart from the runner, in its unit where it has one, and reports its output as the activation's. */
export async function runTracked(
  context: RunContext,
  command: ActivationCommand,
  { track, begin, signal, readLine = () => {} }: TrackedRun,
): Promise<TrackedEnd> {
  const { deps } = context;
  const errors = createErrorFinder();
  const read = (text: string) => {
    errors.read(text);
    readLine(text);
  };
  const output = createPlainOutput(context.output, "activation", read);
  const launcher = createPlainOutput(context.output, "activation", read);
  const tracked = ["/bin/sh", "-c", KEEP_TRACK, "nixfleet-activation", track.output, track.status];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping = stopUnit(deps.exec, command.unit, deadmanHost(context));
  };
  const running = await begin(() =>
    context.begin(
      {
        argv: [...command.launcher, ...tracked, ...command.argv] as [string, ...string[]],
        env: command.env,
        cwd: "/",
        ...(signal && { signal }),
        onStdout: (chunk) => launcher.write(chunk),
        onStderr: (chunk) => launcher.write(chunk),
      },
      [...command.launcher, ...command.argv],
    ),
  );
  if (running === undefined) return { kind: "withdrawn" };
  const tail = tailFile(track.output, output, deps.clock);
  signal?.addEventListener("abort", stop);
  const launched = await running.result;
  // systemd-run loses its unit when systemd re-executes itself, which a switch can make it do.
  const isAlone = async () =>
    (await exists(track.output)) &&
    !(await exists(track.status)) &&
    (await isUnitActive(deps.exec, command.unit, deadmanHost(context)));
  while (!signal?.aborted && (await isAlone())) await wait(deps.clock, POLL_MS);
  signal?.removeEventListener("abort", stop);
  await stopping;
  launcher.end();
  await tail.end();
  const exitCode = await readExitCode(track.status);
  if (launched.aborted || (exitCode === undefined && signal?.aborted)) return { kind: "stopped" };
  const firstError = errors.first();
  if (exitCode === undefined && succeeded(launched)) return { kind: "no-exit-code", firstError };
  return { kind: "ended", end: exitCode === undefined ? launched.end : { kind: "exited", exitCode }, firstError };
}

/** By which whoever undoes finds this host's service manager and what runs, without this agent's settings. */
export function deadmanHost({ deps: { platform, config, env } }: Pick<RunContext, "deps">): ArmedDeadman["host"] {
  const kept = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "NIX_STATE_DIR",
  ];
  const { hostname, systemRoot } = config;
  return { platform: platform.name, hostname, systemRoot, env: { ...platform.sessionEnv, ...pickVariables(env, kept) } };
}

/** The exit code that a tracked program left behind; undefined: it did not finish. */
export async function readExitCode(path: string): Promise<number | undefined> {
  try {
    const code = Number.parseInt(await readFile(path, "utf8"), 10);
    return Number.isNaN(code) ? undefined : code;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
