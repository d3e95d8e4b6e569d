import { open, readFile, rm } from "node:fs/promises";
import type { Commit, Deployment, Outcome } from "@nixfleet/protocol";
import { type Clock, describeEnd, type ExecResult, succeeded } from "@nixfleet/runtime";
import { nixEnvironment } from "../nix/environment.ts";
import type { ActivationMode } from "../platforms/platform.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { createPlainOutput, type Output } from "./output.ts";

const POLL_MS = 100;

/**
 * Runs the activation with its output in one file and its exit code in another: neither hangs on the runner's life, so a
 * killed runner's successor can tell how the activation ended. The text is fixed; paths come as arguments.
 */
const KEEP_TRACK =
  'output=$1; status=$2; shift 2; "$@" >>"$output" 2>&1; code=$?; echo "$code" >"$status.new"; mv "$status.new" "$status"; exit "$code"';

/** Activates the closure as the platform's own tool does, checks that it did, and writes the deployment down. */
export async function activate(
  context: RunContext,
  deployed: { closure: string; commit: Commit | null; generation?: number },
  mode: ActivationMode,
): Promise<Outcome> {
  const { platform } = context.deps;
  const { closure, commit } = deployed;
  const setProfile = await platform.setProfile(closure, mode, deployed.generation);
  if (setProfile !== undefined) {
    const refused = await runPlain(context, setProfile);
    if (refused !== undefined) return refused;
  }
  const activation = platform.activation(closure, mode);
  for (const path of [context.run.activationOutput, context.run.activationStatus]) await rm(path, { force: true });
  context.noteActivation({ closure, commit, mode, unit: activation.unit });

  const errors = createErrorFinder();
  const output = createPlainOutput(context.output, "activation", errors.look);
  const tail = tailFile(context.run.activationOutput, output, context.deps.clock);
  let stopping: Promise<void> | undefined;
  const stopUnit = () => {
    stopping = stopService(context, activation.unit);
  };
  context.signal.addEventListener("abort", stopUnit);
  const launcher = createPlainOutput(context.output, "activation", errors.look);
  const tracked = [
    "/bin/sh",
    "-c",
    KEEP_TRACK,
    "nixfleet-activation",
    context.run.activationOutput,
    context.run.activationStatus,
  ];
  const result = await context.command(
    {
      argv: [...activation.launcher, ...tracked, ...activation.argv] as [string, ...string[]],
      env: activation.env,
      cwd: "/",
      signal: context.signal,
      onStdout: (chunk) => launcher.write(chunk),
      onStderr: (chunk) => launcher.write(chunk),
    },
    [...activation.launcher, ...activation.argv],
  );
  context.signal.removeEventListener("abort", stopUnit);
  await stopping;
  launcher.end();
  await tail.end();

  const isActive = await isActivated(context, closure, mode);
  if (isActive) await recordDeployment(context, { closure, commit, mode });
  return judge(context, result, { closure, mode, isActive, firstError: errors.first() });
}

async function judge(
  context: RunContext,
  result: ExecResult,
  found: { closure: string; mode: ActivationMode; isActive: boolean; firstError: string | undefined },
): Promise<Outcome> {
  const now = `The host now runs ${(await context.deps.platform.runningClosure()) ?? "no closure that can be read"}.`;
  if (result.aborted)
    return { ...STOPPED, reason: `Stopped during the activation, which can leave the system half switched. ${now}` };
  const exitCode = result.end.kind === "exited" ? result.end.exitCode : undefined;
  if (!succeeded(result)) {
    const firstError = found.firstError === undefined ? {} : { firstError: context.redact(found.firstError) };
    return failure("activation-failed", `The activation ended with ${describeEnd(result.end)}. ${now}`, {
      exitCode,
      ...firstError,
    });
  }
  if (found.isActive) return { state: "succeeded" };
  const goal = found.mode === "boot" ? "the profile does not point to" : "the host does not run";
  return failure("activation-failed", `The activation reported success, but ${goal} ${found.closure}. ${now}`, { exitCode });
}

/** Whether the closure is what the mode was to bring about. */
export async function isActivated(
  { deps: { platform } }: Pick<RunContext, "deps">,
  closure: string,
  mode: ActivationMode,
): Promise<boolean> {
  return (mode === "boot" ? await platform.profileClosure() : await platform.runningClosure()) === closure;
}

/** Writes the deployment into the ledger and tells it. */
export async function recordDeployment(
  context: Pick<RunContext, "deps" | "events" | "ledger" | "request">,
  deployed: Pick<Deployment, "closure" | "commit" | "mode">,
): Promise<void> {
  const { deps, request } = context;
  const generation = deployed.mode === "test" ? undefined : await deps.platform.generation();
  const deployment: Deployment = {
    ...deployed,
    runId: request.runId,
    at: deps.clock.now(),
    ...(generation === undefined ? {} : { generation }),
  };
  await context.ledger.add(deployment);
  context.events.append({ kind: "deployed", deployment });
}

async function runPlain(context: RunContext, argv: readonly [string, ...string[]]): Promise<Outcome | undefined> {
  const errors = createErrorFinder();
  const output = createPlainOutput(context.output, "nix", errors.look);
  const result = await context.command({
    argv,
    env: nixEnvironment(context.deps.env),
    signal: context.signal,
    onStderr: (chunk) => output.write(chunk),
  });
  output.end();
  if (succeeded(result)) return undefined;
  if (result.aborted) return STOPPED;
  if (result.end.kind === "spawn-failed") return failure("nix-missing", `Nix cannot be run: ${result.end.message}.`);
  return failure("activation-failed", `The profile could not be set: ${describeEnd(result.end)}.`, {
    firstError: errors.first(),
    exitCode: result.end.kind === "exited" ? result.end.exitCode : undefined,
  });
}

/** Ends the unit that an activation runs in: SIGTERM to all of it, SIGKILL when its `TimeoutStopSec` is over. */
export async function stopService({ deps }: Pick<RunContext, "deps">, unit: string | null): Promise<void> {
  if (unit === null) return;
  await deps.exec({ argv: ["systemctl", "stop", unit], env: { PATH: deps.env["PATH"] ?? "" } }).result;
}

/** Follows a file that grows, until it is ended. */
export function tailFile(path: string, output: Output, clock: Clock): { end(): Promise<void> } {
  let offset = 0;
  let ended = false;
  const readOn = async () => {
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    try {
      const buffer = Buffer.allocUnsafe(256 * 1024);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        if (bytesRead === 0) return;
        offset += bytesRead;
        output.write(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  };
  let wake: (() => void) | undefined;
  const following = (async () => {
    while (!ended) {
      await readOn();
      await new Promise<void>((resolve) => {
        wake = resolve;
        clock.setTimeout(resolve, POLL_MS);
      });
    }
    await readOn();
    output.end();
  })();
  return {
    async end() {
      ended = true;
      wake?.();
      await following;
    },
  };
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

/** The first line that speaks of a fault, else the last line that says anything. */
function createErrorFinder(): { look(text: string): void; first(): string | undefined } {
  let error: string | undefined;
  let last: string | undefined;
  return {
    look(text) {
      if (text.trim() === "") return;
      last = text.slice(0, 2000);
      if (error === undefined && /\b(error|fatal|failed|cannot|denied)\b/i.test(text)) error = last;
    },
    first: () => error ?? last,
  };
}
