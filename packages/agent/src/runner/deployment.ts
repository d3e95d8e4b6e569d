import type { Commit, Deployment } from "@nixfleet/protocol";
import type { ActivationMode, Platform } from "../platforms/platform.ts";
import { activatedClosure, type Specialisation } from "../platforms/specialisations.ts";
import type { RunContext } from "./context.ts";

/** What is to run, or to be booted, and the commit that it was built from; null: a generation of which no commit is known. */
export interface DeploymentPlan {
  closure: string;
  commit: Commit | null;
  mode: ActivationMode;
  /** What of it is activated; absent: the closure itself. Profile and boot entry are the closure's in any case. */
  specialisation?: Specialisation | undefined;
  /** The generation of the profile that is chosen; absent: there will be a new one. */
  generation?: number | undefined;
}

/** The plan in the mode that is left to it. What the next boot brings is the closure itself. */
export function inMode(plan: DeploymentPlan, mode: ActivationMode): DeploymentPlan {
  return { ...plan, mode, ...(mode === "boot" && { specialisation: undefined }) };
}

/** What a run sees of a host at its start. */
export interface SeenSystem {
  running: string | undefined;
  profile: string | undefined;
}

export async function seeSystem(platform: Pick<Platform, "runningClosure" | "profileClosure">): Promise<SeenSystem> {
  return { running: await platform.runningClosure(), profile: await platform.profileClosure() };
}

/** The service unit in which a deployment's activation runs, or in mode `boot` its installer; null: none. */
export async function deploymentUnit(
  platform: Pick<Platform, "activation" | "permanentSteps">,
  plan: DeploymentPlan,
): Promise<string | null> {
  const { closure, mode, generation } = plan;
  if (mode !== "boot") return platform.activation(activatedClosure(plan), mode).unit;
  return (await platform.permanentSteps(closure, mode, generation)).at(-1)?.unit ?? null;
}

/** Whether the closure is what the mode was to bring about. */
export async function isActivated(
  { deps: { platform } }: Pick<RunContext, "deps">,
  plan: Pick<DeploymentPlan, "closure" | "mode" | "specialisation">,
): Promise<boolean> {
  if (plan.mode === "boot") return (await platform.profileClosure()) === plan.closure;
  return (await platform.runningClosure()) === activatedClosure(plan);
}

/** Writes the deployment into the ledger and reports it: what was confirmed, or needs no confirmation. */
export async function recordDeployment(
  context: Pick<RunContext, "deps" | "events" | "ledger" | "request">,
  { closure, commit, mode }: DeploymentPlan,
): Promise<void> {
  const { deps, request } = context;
  const isPermanent = (await deps.platform.profileClosure()) === closure;
  const generation = mode === "test" || !isPermanent ? undefined : await deps.platform.generation();
  const deployment: Deployment = {
    closure,
    commit,
    mode,
    runId: request.runId,
    at: deps.clock.now(),
    ...(generation === undefined ? {} : { generation }),
  };
  await context.ledger.add(deployment);
  context.events.append({ kind: "deployed", deployment });
}
