import { dirname } from "node:path";
import { type Outcome, type RefusalCode, shorten } from "@nixfleet/protocol";
import { freeBytes } from "../disks.ts";
import type { LockOut } from "../lock-out/risks.ts";
import type { ActivationMode, BootSpace, Platform } from "../platforms/platform.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import { checkActivation } from "./activation-check.ts";
import type { RunContext } from "./context.ts";
import type { DeploymentPlan } from "./deployment.ts";
import { findLockOut } from "./find-lock-out.ts";

const MIB = 1024 * 1024;
/** What an activation, its log and a boot loader's own files need at least. */
export const LEAST_FREE = 64 * MIB;

/** What decides whether, and how, a closure may be activated here now. */
export interface GuardReading {
  agent: { running: boolean; next: boolean };
  /** Free bytes by path. */
  disks: readonly { path: string; free: number }[];
  boot: BootSpace | undefined;
  inhibitors: readonly string[];
  /** Who else activates something now. */
  other: string | undefined;
  /** What the closure takes away of the ways into this host. */
  lockOut: LockOut;
}

export type GuardResult =
  | { kind: "refused"; outcome: Outcome }
  /** `finish`: what is left to do after the activation, for a person. */
  | { kind: "passed"; mode: ActivationMode; warning?: string; finish?: string };

/** Decides by what was read; `force` skips what may be skipped. */
export function decideActivation(reading: GuardReading, options: { mode: ActivationMode; force: boolean }): GuardResult {
  const { agent, disks, boot, inhibitors, other, lockOut } = reading;
  const { mode, force } = options;
  if (other !== undefined) return refused("activation-in-progress", `Another activation is running: ${other}.`);
  if (agent.running && !agent.next && !force) {
    return refused("agent-missing", "The running system installs this agent, and what is to be activated does not.");
  }
  if (lockOut.risks.length > 0 && !force) {
    return refused("would-lock-out", `This can lock somebody out: ${lockOut.risks.join(" ")}`);
  }
  const full = disks.find(({ free }) => free < LEAST_FREE);
  if (full !== undefined) {
    return refused("disk-too-full", `${full.path} has ${inMib(full.free)} free, an activation needs ${inMib(LEAST_FREE)}.`);
  }
  if (mode !== "test" && boot !== undefined && boot.needed > boot.free) {
    const reason = `The boot partition at ${boot.place} has ${inMib(boot.free)} free, kernel and initrd need ${inMib(boot.needed)}.`;
    return refused("disk-too-full", reason);
  }
  if (inhibitors.length === 0 || mode === "boot") return { kind: "passed", mode };
  const what = `${inhibitors.join(", ")} of the running system cannot be exchanged while it runs`;
  if (mode === "test") return refused("arguments-invalid", `${what}: use mode boot, then reboot.`);
  return {
    kind: "passed",
    mode: "boot",
    warning: `${what}. The configuration is set for the next boot instead of being switched to.`,
    finish: `Set for the next boot, since ${what}: reboot to finish.`,
  };
}

function refused(code: RefusalCode, reason: string): GuardResult {
  return { kind: "refused", outcome: { state: "refused", code, reason: shorten(reason, 2000) } };
}

function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

/** Whether, and how, a plan may be carried out on this host now. It asks last, right before the activation. */
export async function guard(context: RunContext, plan: DeploymentPlan): Promise<GuardResult> {
  const reading = await readGuards(context, plan);
  const verdict = decideActivation(reading, { mode: plan.mode, force: context.request.force });
  for (const sentence of reading.lockOut.unclear) context.warn(`This can lock somebody out: ${sentence}`);
  if (verdict.kind === "refused") return verdict;
  for (const sentence of reading.lockOut.risks) context.warn(`Forced: ${sentence}`);
  if (verdict.warning !== undefined) context.warn(verdict.warning);
  const outcome = verdict.mode === "boot" ? undefined : await checkActivation(context, activatedClosure(plan));
  return outcome === undefined ? verdict : { kind: "refused", outcome };
}

async function readGuards({ deps: { platform } }: RunContext, plan: DeploymentPlan): Promise<GuardReading> {
  const activated = activatedClosure(plan);
  const running = await platform.runningClosure();
  const installs = async (one: string | undefined) => one !== undefined && (await platform.installedAgent(one)) !== undefined;
  const disks = ["/", dirname(plan.closure)].map(async (path) => ({ path, free: await freeBytes(path) }));
  return {
    agent: { running: await installs(running), next: await installs(activated) },
    disks: await Promise.all(disks),
    boot: await platform.bootSpace(plan.closure),
    inhibitors: await platform.switchInhibitors(activated),
    other: await platform.activationInProgress(),
    lockOut: await readLockOut(platform, plan, running),
  };
}

/** What the activation takes away and, where it is a specialisation's and a boot brings the closure itself, what the next boot does. */
async function readLockOut(platform: Platform, plan: DeploymentPlan, running: string | undefined): Promise<LockOut> {
  const found = await findLockOut(platform, running, activatedClosure(plan));
  if (plan.specialisation === undefined || plan.mode === "test" || !platform.bootsFromProfile) return found;
  const booted = await findLockOut(platform, await platform.profileClosure(), plan.closure);
  const both = (list: keyof LockOut) => [...new Set([...found[list], ...booted[list]])];
  return { risks: both("risks"), unclear: both("unclear") };
}

/** The outcome of a guarded activation: one that went well still says what is left to do. */
export function withFinish(outcome: Outcome, finish: string | undefined): Outcome {
  return outcome.state === "succeeded" && finish !== undefined ? { ...outcome, reason: shorten(finish, 500) } : outcome;
}
