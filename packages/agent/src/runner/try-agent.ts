import { restartWhileArmed } from "../deadman/arm.ts";
import { recordedSystemd } from "../deadman/recorded-host.ts";
import { daemonProcess } from "../deadman/restart-daemon.ts";
import { activatedClosure } from "../platforms/specialisations.ts";
import type { ArmedDeadman } from "../spool/armed-deadman.ts";
import { wait } from "../spool/run-record.ts";
import { type Confirmation, confirm } from "./confirm.ts";
import type { ConfirmWindow } from "./confirm-window.ts";
import type { RunContext } from "./context.ts";

const POLL_MS = 200;

/**
 * Whether an activation has installed another agent that can be tried while the dead-man switch is still armed. It takes a service
 * manager that starts it, and a dashboard that is asked whether it answers.
 */
export async function hasAgentToTry({ deps: { platform, exec } }: RunContext, armed: ArmedDeadman): Promise<boolean> {
  if (armed.asks !== "confirm" || recordedSystemd(armed.host, exec) === undefined) return false;
  const before = await platform.installedAgent(armed.back);
  const now = await platform.installedAgent(activatedClosure(armed.activation));
  return before !== undefined && now !== undefined && before !== now;
}

/**
 * Lets the daemon make way for the new agent, and asks the dashboard again: it says yes only to a link that answers, which is the
 * new daemon's once the old one is gone. One that does not start, or cannot connect, is undone like all else (R37).
 */
export async function tryAgent(context: RunContext, armed: ArmedDeadman, window: ConfirmWindow): Promise<Confirmation> {
  const { runnerDir } = context.deps.config;
  const { exec, clock } = context.deps;
  const { left } = window;
  /** Undefined: the service manager did not report until the window's end. */
  const untilDaemon = async (isIt: (process: number) => boolean) => {
    for (;;) {
      const process = await daemonProcess(exec, armed.host);
      if (process !== undefined && isIt(process)) return process;
      if (context.signal.aborted || left() === 0) return undefined;
      await wait(clock, Math.min(POLL_MS, left()));
    }
  };
  const old = await untilDaemon(() => true);
  if (context.signal.aborted) return { kind: "stopped" };
  if (old === undefined) return agentNotTried("The service manager did not report the agent's process.");
  if (!(await restartWhileArmed({ runnerDir, exec, clock }, armed))) {
    return agentNotTried("The new agent could not be started.");
  }
  context.log("Restarting the agent as it is installed now.");
  // None ran before: whichever comes is the new one. Else the old one has to be gone first, since its link would answer too.
  const isGone = old === 0 || (await untilDaemon((process) => process !== old)) !== undefined;
  if (context.signal.aborted) return { kind: "stopped" };
  if (!isGone) return agentNotTried("The previous agent did not exit.");
  window.agentOnTrial();
  return await confirm(context, armed, window);
}

/** An agent that nobody has seen work is not confirmed. */
function agentNotTried(reason: string): Confirmation {
  return { kind: "refused", cause: { code: "not-confirmed", reason } };
}
