import { describeEnd } from "@nixfleet/runtime";
import { nixFailureCode } from "../nix/nix-failure.ts";
import { removeBootLeftovers } from "../platforms/boot-leftovers.ts";
import type { ActivationCommand } from "../platforms/platform.ts";
import type { ActivationResult } from "./activate.ts";
import { isStoreFull } from "./build.ts";
import type { RunContext } from "./context.ts";
import type { DeploymentPlan } from "./deployment.ts";
import { createErrorFinder } from "./first-error.ts";
import { createPlainOutput } from "./output.ts";
import { type Begin, reuseTrack, runTracked, type Track, type TrackedEnd } from "./tracked-program.ts";

/** `signal`: what stops it. A deployment that is armed has none: it is confirmed by then, and the dead-man switch ends what hangs. */
interface Control {
  begin: Begin;
  signal?: AbortSignal;
}

/** Where the program that installs the boot entry leaves its output and its end. Prepared before anything is activated. */
export function permanentTrack({ run }: Pick<RunContext, "run">): Track {
  return { output: run.permanentOutput, status: run.permanentStatus };
}

const FAULTS = {
  profile: "The profile could not be set",
  "boot-entry": "The boot entry could not be installed",
  activation: "The activation could not be made permanent",
} as const;

/**
 * Makes what was activated permanent: what the next boot brings is the closure from here on. It can be repeated: a generation that
 * is there already is not made twice.
 */
export async function makePermanent(context: RunContext, plan: DeploymentPlan, control: Control): Promise<ActivationResult> {
  const { closure, mode, generation } = plan;
  const { platform } = context.deps;
  for (const step of await platform.permanentSteps(closure, mode, generation)) {
    if (step.kind === "boot-entry") await removeBootLeftovers(platform, context.log);
    const ended = step.kind === "profile" ? await runNix(context, step, control) : await runInstaller(context, step, control);
    switch (ended.kind) {
      case "stopped":
      case "withdrawn":
        return ended;
      case "no-exit-code":
        return failed(context, `${FAULTS[step.kind]}: it left no exit code.`, ended);
      case "ended": {
        if (ended.end.kind === "spawn-failed" && step.kind === "profile") {
          return { kind: "failed", code: "nix-missing", reason: `Nix cannot be run: ${ended.end.message}.` };
        }
        const exitCode = ended.end.kind === "exited" ? ended.end.exitCode : undefined;
        if (exitCode !== 0) return failed(context, `${FAULTS[step.kind]}: ${describeEnd(ended.end)}.`, ended, exitCode);
      }
    }
  }
  return { kind: "active" };
}

async function failed(
  context: RunContext,
  reason: string,
  { firstError }: { firstError: string | undefined },
  exitCode?: number,
): Promise<ActivationResult> {
  const isFull = firstError !== undefined && nixFailureCode(firstError, "build", await isStoreFull(context)) === "disk-full";
  return {
    kind: "failed",
    code: isFull ? "disk-full" : "activation-failed",
    reason,
    ...(firstError === undefined ? {} : { firstError: context.redact(firstError) }),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
}

/** The boot loader's installer is ended by nobody's death but its own: half a boot menu is worse than none. */
async function runInstaller(context: RunContext, step: ActivationCommand, control: Control): Promise<TrackedEnd> {
  const track = permanentTrack(context);
  await reuseTrack(track);
  return runTracked(context, step, { track, ...control });
}

async function runNix(context: RunContext, { argv, env }: ActivationCommand, { begin, signal }: Control): Promise<TrackedEnd> {
  const errors = createErrorFinder();
  const output = createPlainOutput(context.output, "nix", errors.read);
  const running = await begin(() =>
    context.begin({ argv, env, ...(signal && { signal }), onStderr: (chunk) => output.write(chunk) }),
  );
  if (running === undefined) return { kind: "withdrawn" };
  const result = await running.result;
  output.end();
  if (result.aborted) return { kind: "stopped" };
  return { kind: "ended", end: result.end, firstError: errors.first() };
}
