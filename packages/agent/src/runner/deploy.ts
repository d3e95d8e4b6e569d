import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Outcome, StorePath } from "@nixfleet/protocol";
import { type ArmDeps, type ArmResult, arm, beginWhileArmed, disarm } from "../deadman/arm.ts";
import { deployed, findDifferences, markOf } from "../deadman/compare.ts";
import { monotonicNow } from "../deadman/moment.ts";
import { nixEnvironment } from "../nix/environment.ts";
import type { MeantState } from "../platforms/platform.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { type ActivationResult, activate } from "./activate.ts";
import { finishArmed, rollBackRun } from "./armed-deployment.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { requestHealth } from "./dashboard-requests.ts";
import { type DeploymentPlan, deploymentUnit, isActivated, recordDeployment, type SeenSystem, seeSystem } from "./deployment.ts";
import { makePermanent } from "./permanent.ts";
import { type Begin, deadmanHost } from "./tracked-program.ts";

/**
 * Activates a closure so that the host is never left out of reach: arm the dead-man switch, activate, confirm, make permanent,
 * disarm; or undo. Until it is confirmed, nothing that a boot reads points to the closure. `seen`: what the run took for what runs.
 * Where the host has the switch off it only activates and makes permanent.
 */
export async function deploy(context: RunContext, plan: DeploymentPlan, seen: SeenSystem): Promise<Outcome> {
  context.phase("activate");
  const { confirmTimeout } = context.deps.config;
  if (confirmTimeout === 0) return deployUnarmed(context, plan, seen);
  if (seen.running === undefined) {
    context.warn("There is no running closure to go back to, so the dead-man switch is not armed.");
    return deployUnarmed(context, plan, seen);
  }
  const unrooted = await rootClosures(context, plan.closure, seen.running);
  if (context.signal.aborted) return STOPPED;
  if (unrooted !== undefined) return failure("internal", unrooted);
  const armed = await armFor(context, plan, seen.running);
  if (armed === "stopped") return STOPPED;
  if (!armed.ok) return failure(armed.code, armed.reason);
  // Counted from here on by the monotonic clock, as the timer does it.
  const armedAt = monotonicNow();
  context.events.append({ kind: "armed", until: armed.armed.until, back: armed.armed.back });
  context.events.sync();
  try {
    const changed = await systemChange(context, seen);
    if (changed !== undefined) {
      // Nothing was begun, so there is nothing to undo.
      return (await disarm(armDeps(context), armed.armed)) ? changed : await rollBackRun(context, armed.armed, null);
    }
    const begin: Begin = (start) => beginWhileArmed(armDeps(context), armed.armed.runId, start);
    const activated = await activate(context, plan, { begin, failedBefore: armed.armed.failedUnits });
    const left = confirmTimeout * 1000 - (monotonicNow() - armedAt);
    return await finishArmed(context, armed.armed, { plan, activated, window: Math.max(0, left) });
  } catch (error) {
    // A fault of this program: what it has begun does not stay half done.
    const reason = `Internal error: ${context.redact((error as Error).message)}`;
    for (const line of ((error as Error).stack ?? reason).split("\n")) context.log(line);
    return rollBackRun(context, armed.armed, { code: "internal", reason });
  }
}

/** The refusal of a run whose host is no longer what it saw: somebody else has activated something. */
async function systemChange({ deps: { platform } }: RunContext, seen: SeenSystem): Promise<Outcome | undefined> {
  const now = await seeSystem(platform);
  const told = (one: string | undefined) => one ?? "nothing that can be read";
  const faults = [
    ...(now.running === seen.running ? [] : [`It runs ${told(now.running)}, and ran ${told(seen.running)} when this run began.`]),
    ...(now.profile === seen.profile
      ? []
      : [`The profile points to ${told(now.profile)}, and pointed to ${told(seen.profile)}.`]),
  ];
  if (faults.length === 0) return undefined;
  return { state: "refused", code: "system-changed", reason: `Something else changed this host. ${faults.join(" ")}` };
}

async function deployUnarmed(context: RunContext, plan: DeploymentPlan, seen: SeenSystem): Promise<Outcome> {
  const changed = await systemChange(context, seen);
  if (changed !== undefined) return changed;
  const { running } = seen;
  const excepted = running === undefined ? [] : await differencesNow(context, running, seen.profile);
  const begin: Begin = async (start) => start();
  let activated = await activate(context, plan, { begin, failedBefore: undefined });
  if (activated.kind === "active") activated = await makePermanent(context, plan, { begin, signal: context.signal });
  // Where nothing ran that can be read, it is not known what differed before.
  if (activated.kind === "active" && running !== undefined) {
    activated = await lookAtUnarmed(context, plan, { back: running, excepted });
  }
  if (await isActivated(context, plan)) await recordDeployment(context, plan);
  return toOutcome(context, activated);
}

/** A deployment that nothing undoes is believed no sooner than another one. */
async function lookAtUnarmed(
  { deps: { platform, clock } }: RunContext,
  plan: DeploymentPlan,
  { back, excepted }: { back: string; excepted: string[] },
): Promise<ActivationResult> {
  // Which units have failed is the activator's to say here: its exit code for them was a failure.
  const comparison = deployed({ back, activation: { ...plan, unit: null }, excepted, failedUnits: null, ignoredUnits: [] });
  const differences = await findDifferences(platform, comparison, clock);
  return differences.length === 0
    ? { kind: "active" }
    : { kind: "failed", code: "post-check-failed", reason: differences.join(" ") };
}

/** What differs before an activation, looked at as after an undo: what that would find now, it is not to blame for. */
async function differencesNow(
  { deps: { platform } }: RunContext,
  running: string,
  profile: string | undefined,
): Promise<string[]> {
  const meant: MeantState = { running, profile: profile ?? null, replaced: null, after: "undo" };
  return (await platform.differences(meant)).map(markOf).slice(0, 500);
}

async function toOutcome(context: RunContext, activated: ActivationResult): Promise<Outcome> {
  const { platform } = context.deps;
  const profile = platform.bootsFromProfile ? await platform.profileClosure() : undefined;
  const boots = profile === undefined ? "" : ` The next boot brings ${profile}.`;
  const now = `The host now runs ${(await platform.runningClosure()) ?? "no closure that can be read"}.${boots}`;
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
async function armFor(context: RunContext, plan: DeploymentPlan, back: string): Promise<ArmResult | "stopped"> {
  const { platform, config } = context.deps;
  const { request, run } = context;
  const { closure, commit, mode, generation, specialisation } = plan;
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
    armedIn: context.bootId,
    back,
    profile: profile ?? null,
    failedUnits: failedUnits === undefined ? null : failedUnits.slice(0, 500),
    ignoredUnits: config.ignoreFailedUnits.slice(0, 500),
    excepted: await differencesNow(context, back, profile),
    asks: await chooseConfirmation(context),
    host: deadmanHost(context),
    activation: {
      closure,
      commit,
      mode,
      unit: await deploymentUnit(platform, plan),
      ...(generation !== undefined && { generation }),
      ...(specialisation !== undefined && { specialisation }),
    },
    undo: platform.undo(before, { closure: activatedClosure(plan), mode }).map((step) => ({
      ...step,
      launcher: [...step.launcher],
      argv: [...step.argv],
      env: { ...step.env },
    })),
  };
  if (context.signal.aborted) return "stopped";
  return arm(armDeps(context), what, config.confirmTimeout);
}

/** A dashboard that did not answer before the activation cannot be asked to answer after it. */
async function chooseConfirmation({ deps, request, signal }: RunContext): Promise<ArmedDeadman["asks"]> {
  if (request.confirmSecret !== undefined) return "confirm";
  return (await requestHealth({ url: deps.config.url, env: deps.env }, signal)).kind === "yes" ? "health" : "nothing";
}

/**
 * Roots of the garbage collector, before anything else: what runs, what is wanted, and the agent that would undo. Undefined: they are
 * there, until the deployment is disarmed or undone. Else why not, and then nothing is activated: what the host goes back to could be
 * collected.
 */
async function rootClosures(context: RunContext, closure: string, running: string): Promise<string | undefined> {
  const { deps, run, signal } = context;
  const agents = deps.program.flatMap((word) => /^\/(?:[^/]+\/)+?[0-9a-df-np-sv-z]{32}-[^/]+/.exec(word)?.[0] ?? []);
  const paths = [closure, running, ...agents.filter(isStorePath)];
  await mkdir(run.roots, { recursive: true, mode: 0o750 });
  const result = await context.execute({
    argv: ["nix-store", "--realise", ...new Set(paths), "--add-root", join(run.roots, "root")],
    env: nixEnvironment(deps.env),
    signal,
  }).result;
  if (result.end.kind === "exited" && result.end.exitCode === 0) return undefined;
  const said = context.redact(result.stderr.trim().split("\n").at(-1) ?? "").slice(0, 500);
  return `What runs could not be protected from the garbage collector, so nothing was activated: ${said}`;
}

function isStorePath(path: string): boolean {
  return StorePath.safeParse(path).success;
}

function armDeps({ deps }: RunContext): ArmDeps {
  return { runnerDir: deps.config.runnerDir, program: deps.program, exec: deps.exec, clock: deps.clock };
}
