import { readFile, rm, writeFile } from "node:fs/promises";
import type { FailureCode } from "@nixfleet/protocol";
import { describeEnd, type ExecEnd, type ExecResult, type RunningProcess, succeeded } from "@nixfleet/runtime";
import { isUnitAtWork, stopUnit } from "../deadman/activation-unit.ts";
import { nixEnvironment } from "../nix/environment.ts";
import { pickVariables } from "../platforms/environment.ts";
import type { ActivationCommand } from "../platforms/platform.ts";
import { exists } from "../spool/exists.ts";
import { wait } from "../spool/run-record.ts";
import type { ArmedDeadman } from "../spool/shapes.ts";
import type { RunContext } from "./context.ts";
import { isActivated, type ToDeploy } from "./deployment.ts";
import { newlyFailed } from "./failed-units.ts";
import { createErrorFinder } from "./first-error.ts";
import { createPlainOutput } from "./output.ts";
import { tailFile } from "./tail-file.ts";

/**
 * Runs the activation with its output in one file and its exit code in another: neither hangs on the life of the runner or of
 * whoever launches, so it can always be told how the activation ended. The code is written over what is there already, which
 * takes no room on a full disk. The text is fixed; paths come as arguments.
 */
const KEEP_TRACK =
  'output=$1; status=$2; shift 2; "$@" >>"$output" 2>&1; code=$?; printf "%-3d\\n" "$code" 1<>"$status.new"; mv "$status.new" "$status"; exit "$code"';
/** As long as the longest exit code. */
const ROOM = "   \n";
const POLL_MS = 200;

/** What `switch-to-configuration` ends with when all of it was done and units failed (its source, `exit 4`). */
const UNITS_FAILED = 4;

/** How an activation ended, as far as it can be told. */
export type Activated =
  /** What the mode was to bring about is so. */
  | { kind: "active" }
  | { kind: "failed"; code: FailureCode; reason: string; firstError?: string; exitCode?: number }
  /** By a cancel or the deadline. */
  | { kind: "stopped" }
  /** It was undone before all of it could begin. */
  | { kind: "withdrawn" };

/** Begins a program, or does not, if what it is part of has been undone. */
export type Begin = (start: () => RunningProcess) => Promise<RunningProcess | undefined>;

/** Units that had failed before an activation; null: nobody can tell; undefined: nothing is undone by it. */
export type FailedBefore = readonly string[] | null | undefined;

/** Activates the closure as the platform's own tool does. */
export async function activate(
  context: RunContext,
  deployed: ToDeploy,
  { begin, failedBefore }: { begin: Begin; failedBefore: FailedBefore },
): Promise<Activated> {
  const { closure, mode } = deployed;
  const activation = context.deps.platform.activation(closure, mode);
  const { activationOutput, activationStatus } = context.run;
  for (const path of [activationOutput, activationStatus]) await rm(path, { force: true });
  await writeFile(`${activationStatus}.new`, ROOM, { mode: 0o640 });
  if (!context.noteActivation({ closure, commit: deployed.commit, mode, unit: activation.unit })) {
    const reason = "The disk has no room to write down that an activation begins, so nothing was activated.";
    return { kind: "failed", code: "disk-full", reason };
  }
  const profile = await setProfile(context, deployed, begin);
  if (profile !== undefined) return profile;

  const errors = createErrorFinder();
  const launched = await runActivation(context, activation, begin, errors.look);
  if (launched === undefined) return { kind: "withdrawn" };
  const exitCode = await readActivationStatus(activationStatus);
  if (launched.aborted || (exitCode === undefined && context.signal.aborted)) return { kind: "stopped" };
  const firstError = errors.first();
  if (exitCode === undefined && succeeded(launched)) {
    const reason = "The activation did not come to its end: it left no exit code.";
    return { kind: "failed", code: "activation-failed", reason, ...(firstError === undefined ? {} : { firstError }) };
  }
  const end: ExecEnd = exitCode === undefined ? launched.end : { kind: "exited", exitCode };
  return judgeActivation(context, deployed, { end, firstError, failedBefore });
}

async function runActivation(
  context: RunContext,
  activation: ActivationCommand,
  begin: Begin,
  look: (text: string) => void,
): Promise<ExecResult | undefined> {
  const { run, signal, deps } = context;
  const output = createPlainOutput(context.output, "activation", look);
  const launcher = createPlainOutput(context.output, "activation", look);
  const tracked = ["/bin/sh", "-c", KEEP_TRACK, "nixfleet-activation", run.activationOutput, run.activationStatus];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping = stopUnit(deps.exec, activation.unit, deadmanHost(context));
  };
  const running = await begin(() =>
    context.begin(
      {
        argv: [...activation.launcher, ...tracked, ...activation.argv] as [string, ...string[]],
        env: activation.env,
        cwd: "/",
        signal,
        onStdout: (chunk) => launcher.write(chunk),
        onStderr: (chunk) => launcher.write(chunk),
      },
      [...activation.launcher, ...activation.argv],
    ),
  );
  if (running === undefined) return undefined;
  const tail = tailFile(run.activationOutput, output, deps.clock);
  signal.addEventListener("abort", stop);
  const result = await running.result;
  // systemd-run loses its unit when systemd starts itself anew, which a switch can make it do.
  const isAlone = async () =>
    (await exists(run.activationOutput)) &&
    !(await exists(run.activationStatus)) &&
    (await isUnitAtWork(deps.exec, activation.unit, deadmanHost(context)));
  while (!signal.aborted && (await isAlone())) await wait(deps.clock, POLL_MS);
  signal.removeEventListener("abort", stop);
  await stopping;
  launcher.end();
  await tail.end();
  return result;
}

/** What an activation has brought about, held against what it was to bring about. */
export async function judgeActivation(
  context: Pick<RunContext, "deps" | "redact">,
  deployed: ToDeploy,
  ended: { end: ExecEnd; firstError: string | undefined; failedBefore: FailedBefore },
): Promise<Activated> {
  const { platform, config } = context.deps;
  const { end } = ended;
  const exitCode = end.kind === "exited" ? end.exitCode : undefined;
  const isActive = await isActivated(context, deployed);
  if (exitCode === 0 && isActive) return { kind: "active" };
  const details = {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(ended.firstError === undefined ? {} : { firstError: context.redact(ended.firstError) }),
  };
  if (exitCode === 0) {
    const goal = deployed.mode === "boot" ? "the profile does not point to" : "the host does not run";
    const reason = `The activation reported success, but ${goal} ${deployed.closure}.`;
    return { kind: "failed", code: "activation-failed", reason, exitCode: 0 };
  }
  const { failedBefore } = ended;
  if (failedBefore !== undefined && exitCode === UNITS_FAILED && platform.name === "nixos" && isActive) {
    const now = await platform.failedUnits();
    const failed = newlyFailed(failedBefore, now, config.ignoreFailedUnits);
    // All was done, and whatever failed had failed before or may fail.
    if (now !== undefined && failedBefore !== null && failed.length === 0) return { kind: "active" };
    const which = failed.length === 0 ? "" : `: ${failed.join(", ")}`;
    return { kind: "failed", code: "units-failed", reason: `The activation reported that units failed${which}.`, ...details };
  }
  return { kind: "failed", code: "activation-failed", reason: `The activation ended with ${describeEnd(end)}.`, ...details };
}

/** Undefined: the profile is set, or is not this agent's to set. */
async function setProfile(
  context: RunContext,
  { closure, mode, generation }: ToDeploy,
  begin: Begin,
): Promise<Activated | undefined> {
  const argv = await context.deps.platform.setProfile(closure, mode, generation);
  if (argv === undefined) return undefined;
  const errors = createErrorFinder();
  const output = createPlainOutput(context.output, "nix", errors.look);
  const running = await begin(() =>
    context.begin({
      argv,
      env: nixEnvironment(context.deps.env),
      signal: context.signal,
      onStderr: (chunk) => output.write(chunk),
    }),
  );
  if (running === undefined) return { kind: "withdrawn" };
  const result = await running.result;
  output.end();
  if (succeeded(result)) return undefined;
  if (result.aborted) return { kind: "stopped" };
  if (result.end.kind === "spawn-failed") {
    return { kind: "failed", code: "nix-missing", reason: `Nix cannot be run: ${result.end.message}.` };
  }
  const firstError = errors.first();
  return {
    kind: "failed",
    code: "activation-failed",
    reason: `The profile could not be set: ${describeEnd(result.end)}.`,
    ...(firstError === undefined ? {} : { firstError }),
    ...(result.end.kind === "exited" ? { exitCode: result.end.exitCode } : {}),
  };
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
  const session =
    platform.name === "home-manager" && process.platform === "linux"
      ? { XDG_RUNTIME_DIR: `/run/user/${process.getuid?.()}` }
      : {};
  const { hostname, systemRoot } = config;
  return { platform: platform.name, hostname, systemRoot, env: { ...session, ...pickVariables(env, kept) } };
}

/** The exit code that an activation left behind; undefined: it did not come to its end. */
export async function readActivationStatus(path: string): Promise<number | undefined> {
  try {
    const code = Number.parseInt(await readFile(path, "utf8"), 10);
    return Number.isNaN(code) ? undefined : code;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
