import type { Log } from "../log.ts";

export interface RenewalDeps {
  runningClosure: () => Promise<string | undefined>;
  /** The text by which a closure installs this agent; undefined: it installs none. */
  installedAgent: (closure: string) => Promise<string | undefined>;
  /** Whether a run waits or works, or something is armed. */
  hasWork: () => Promise<boolean>;
  log: Log;
  /** The running configuration installs another agent than this process: it is to end, and to be restarted. */
  onRenew: () => void;
}

/**
 * Sees that a switch has replaced this agent. It waits until no run is active, so that an undone switch leaves the old agent
 * where it was: connected.
 */
export interface Renewal {
  /** What is installed now is what this process was started from. */
  begin(): Promise<void>;
  check(): Promise<void>;
}

export function createRenewal({ runningClosure, installedAgent, hasWork, log, onRenew }: RenewalDeps): Renewal {
  let text: string | undefined;
  let closure: string | undefined;
  return {
    async begin() {
      closure = await runningClosure();
      text = closure === undefined ? undefined : await installedAgent(closure);
    },
    async check() {
      const now = await runningClosure();
      if (text === undefined || now === undefined || now === closure || (await hasWork())) return;
      const installed = await installedAgent(now);
      closure = now;
      // Removed: nobody would start another one.
      if (installed === undefined || installed === text) return;
      log.info("agent-replaced", { closure: now });
      onRenew();
    },
  };
}
