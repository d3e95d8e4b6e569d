import type { HostConfiguration } from "../host-configuration.ts";
import { type Lane, until } from "./lane.ts";
import type { PhaseName } from "./phases.ts";
import { HOLD, UNDO_GATE } from "./undo-gates.ts";

const LIMIT = 90_000;

/** The power goes, and comes back at once. Resolves when the host has booted. */
export async function cutPower({ host }: Lane): Promise<void> {
  await host.powerLoss();
  await host.boot();
}

/** In a boot of it nothing after its activation is reached. What runs can be switched to it. */
export function cannotBoot(now: HostConfiguration): HostConfiguration {
  return { ...now, activation: `[ -d /run/systemd/system ] || sleep infinity\n${now.activation}` };
}

/** Without what keeps the activation of an undo waiting: that is for the closure that ran before. */
export function withoutUndoGate(now: HostConfiguration): HostConfiguration {
  return { ...now, activation: now.activation.replace(UNDO_GATE, "") };
}

/**
 * Sees to it that the switch, which is held in a phase, will be undone, and that the undo waits in its own work: nobody can confirm any
 * more, or the power goes in the last steps, which are confirmed.
 */
export async function provokeUndo(lane: Lane, phase: PhaseName): Promise<void> {
  const { host } = lane;
  if (phase !== "permanent") {
    await host.run("touch", `${HOLD}/undo`);
    return host.cutNetwork();
  }
  await host.powerLoss();
  await host.runOffline(["/bin/rm", `${HOLD}/at-installer`]);
  await host.boot();
}

/** The power goes in the middle of the undo that was provoked; `cutAgain`: also in that of the next boot. The host is off then. */
export async function cutPowerInUndo(lane: Lane, phase: PhaseName, { cutAgain }: { cutAgain: boolean }): Promise<void> {
  const { host } = lane;
  const at = phase === "permanent" ? "installer" : "undo";
  await until("The undo is at work", () => isThere(lane, `at-${at}`), LIMIT);
  await host.powerLoss();
  await host.repairNetwork();
  await host.runOffline(["/bin/rm", "-f", `${HOLD}/${at}`, `${HOLD}/at-${at}`]);
  if (!cutAgain) return;
  await host.runOffline(["/usr/bin/touch", `${HOLD}/boot-undo`]);
  // A boot is over when its unit has begun to work, and that waits: this one never is.
  const booting = host.boot().catch(() => {});
  await until("The boot is about to continue the undo", () => isThere(lane, "at-boot-undo"), LIMIT);
  await host.powerLoss();
  await booting;
  await host.runOffline(["/bin/rm", `${HOLD}/boot-undo`, `${HOLD}/at-boot-undo`]);
}

async function isThere({ host }: Lane, name: string): Promise<boolean> {
  return host.isRunning && (await host.exec(["test", "-e", `${HOLD}/${name}`])).exitCode === 0;
}
