import { restartWhileArmed } from "../deadman/arm.ts";
import { daemonProcess } from "../deadman/restart-daemon.ts";
import { serviceManagerOf } from "../deadman/service-manager.ts";
import { wait } from "../spool/run-record.ts";
import type { ArmedDeadman } from "../spool/shapes.ts";
import { type Confirmation, confirm } from "./confirm.ts";
import type { RunContext } from "./context.ts";

const POLL_MS = 200;

/**
 * Whether an activation has installed another agent that can be tried while the dead-man switch is still armed. It takes a service
 * manager that starts it, and a dashboard that is asked whether it answers.
 */
export async function hasAgentToTry({ deps: { platform } }: RunContext, armed: ArmedDeadman): Promise<boolean> {
  if (armed.asks !== "confirm" || serviceManagerOf(armed.host) === undefined) return false;
  const before = await platform.installedAgent(armed.back);
  const now = await platform.installedAgent(armed.activation.closure);
  return before !== undefined && now !== undefined && before !== now;
}

/**
 * Lets the daemon make way for the new agent, and asks the dashboard again: it says yes only to a link that answers, which is the
 * new daemon's once the old one is gone. One that does not start, or cannot connect, is undone like all else (R37).
 */
export async function tryAgent(context: RunContext, armed: ArmedDeadman, milliseconds: number): Promise<Confirmation> {
  const { runnerDir } = context.deps.config;
  const { exec, clock } = context.deps;
  const endsAt = performance.now() + milliseconds;
  const left = () => Math.max(0, endsAt - performance.now());
  const old = await daemonProcess(exec, armed.host);
  if (!(await restartWhileArmed({ runnerDir, exec, clock }, armed))) {
    const reason = "The agent could not be started anew as it is installed now.";
    return { kind: "refused", cause: { code: "not-confirmed", reason } };
  }
  context.say("The agent is started anew as it is installed now.");
  while (old !== undefined && (await daemonProcess(exec, armed.host)) === old && left() > 0 && !context.signal.aborted) {
    await wait(clock, POLL_MS);
  }
  return await confirm(context, armed, left());
}
