import { writeFile } from "node:fs/promises";
import type { Outcome } from "@nixfleet/protocol";
import { type ArmDeps, arm, beginWhileArmed } from "../deadman/arm.ts";
import { nixEnvironment } from "../nix/environment.ts";
import type { ArmedDeadman } from "../spool/shapes.ts";
import { type ActivationResult, activate } from "./activate.ts";
import { finishArmed, rollBackRun } from "./armed-deployment.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { requestHealth } from "./dashboard-requests.ts";
import { type DeploymentPlan, isActivated, recordDeployment } from "./deployment.ts";
import { makePermanent } from "./permanent.ts";
import { type Begin, deadmanHost } from "./tracked-program.ts";

/**
 * Activates a closure so that the host is never left out of reach: arm the dead-man switch, activate, confirm, disarm; or undo.
 * Reports each of these phases. Where nothing is confirmed (mode `boot`, or the host has the switch off) it only activates.
 */
export async function deploy(context: RunContext, plan: DeploymentPlan): Promise<Outcome> {
  context.phase("activate");
  const { confirmTimeout } = context.deps.config;
  if (plan.mode === "boot" || confirmTimeout === 0) return deployUnarmed(context, plan);
  const before = await context.deps.platform.runningClosure();
  if (before === undefined) {
    context.warn("There is no running closure to go back to, so the dead-man switch is not armed.");
    return deployUnarmed(context, plan);
  }
  const armed = await armFor(context, plan, before);
  if (armed === "stopped") return STOPPED;
  if (!armed.ok) return failure(armed.code, armed.reason);
  // Counted from here on by the monotonic clock, as the timer does it.
  const armedAt = performance.now();
  context.events.append({ kind: "armed", until: armed.armed.until, back: armed.armed.back });
  context.events.sync();
  try {
    const begin: Begin = (start) => beginWhileArmed(armDeps(context), armed.armed.runId, start);
    const activated = await activate(context, plan, { begin, failedBefore: armed.armed.failedUnits });
    const left = confirmTimeout * 1000 - (performance.now() - armedAt);
    return await finishArmed(context, armed.armed, { plan, activated, window: Math.max(0, left) });
  } catch (error) {
    // A fault of this program: what it has begun does not stay half done.
    const reason = `Internal error: ${context.redact((error as Error).message)}`;
    for (const line of ((error as Error).stack ?? reason).split("\n")) context.log(line);
    return rollBackRun(context, armed.armed, { code: "internal", reason });
  }
}

async function deployUnarmed(context: RunContext, plan: DeploymentPlan): Promise<Outcome> {
  const begin: Begin = async (start) => start();
  let activated = await activate(context, plan, { begin, failedBefore: undefined });
  if (activated.kind === "active") activated = await makePermanent(context, plan, begin);
  if (await isActivated(context, plan)) await recordDeployment(context, plan);
  return toOutcome(context, activated);
}

async function toOutcome(context: RunContext, activated: ActivationResult): Promise<Outcome> {
  const now = `The host now runs ${(await context.deps.platform.runningClosure()) ?? "no closure that can be read"}.`;
  switch (activated.kind) {
    case "active":
      return { state: "succeeded" };
    case "failed": {
      const { code, reason, ...details } = activated;
      return failure(code, `${reason} ${now}`, details);
    }
    case "stopped":
      return { ...STOPPED, reason: `Stopped during the activation, which can leave the system half switched. ${now}` };
    case "withdrawn":
      throw new Error("an activation that nothing can undo was withdrawn");
  }
}

/** Records all that an undo needs, and starts the time. */
async function armFor(context: RunContext, plan: DeploymentPlan, back: string) {
  const { platform, config } = context.deps;
  const { request, run } = context;
  const { closure, commit, mode, generation } = plan;
  await rootPreviousClosure(context, back);
  // There from now on: an undo on a full disk cannot make it.
  await writeFile(run.undoOutput, "", { mode: 0o640 });
  const profile = await platform.profileClosure();
  const before = {
    closure: back,
    profile: profile === undefined ? undefined : { closure: profile, generation: await platform.generation() },
  };
  const failedUnits = await platform.failedUnits();
  const what: Parameters<typeof arm>[1] = {
    runId: request.runId,
    bootId: context.bootId,
    back,
    profile: profile ?? null,
    failedUnits: failedUnits === undefined ? null : failedUnits.slice(0, 500),
    asks: await chooseConfirmation(context),
    host: deadmanHost(context),
    activation: {
      closure,
      commit,
      mode,
      unit: mode === "boot" ? null : platform.activation(closure, mode).unit,
      ...(generation !== undefined && { generation }),
    },
    undo: platform.undo(before, { closure, mode }).map((step) => ({
      ...step,
      launcher: [...step.launcher],
      argv: [...step.argv],
      env: { ...step.env },
    })),
  };
  if (context.signal.aborted) return "stopped" as const;
  return arm(armDeps(context), what, config.confirmTimeout);
}

/** A dashboard that did not answer before the activation cannot be asked to answer after it. */
async function chooseConfirmation({ deps, request, signal }: RunContext): Promise<ArmedDeadman["asks"]> {
  if (request.confirmSecret !== undefined) return "confirm";
  return (await requestHealth(deps.config.url, signal)) === undefined ? "health" : "nothing";
}

/** A garbage-collector root, so that what the host goes back to is still there. */
async function rootPreviousClosure(context: RunContext, back: string): Promise<void> {
  const result = await context.execute({
    argv: ["nix-store", "--realise", back, "--add-root", context.run.previous],
    env: nixEnvironment(context.deps.env),
    signal: context.signal,
  }).result;
  const isKept = result.end.kind === "exited" && result.end.exitCode === 0;
  if (!isKept && !context.signal.aborted) context.warn("The running closure could not be protected from the garbage collector.");
}

function armDeps({ deps }: RunContext): ArmDeps {
  return { runnerDir: deps.config.runnerDir, program: deps.program, exec: deps.exec, clock: deps.clock };
}
