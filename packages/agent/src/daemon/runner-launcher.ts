import { type Clock, createSerial, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";

/** Milliseconds after which a runner that ended without doing its work is started again; doubled each time. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;

export interface LaunchedRunner {
  readonly pid: number | undefined;
  /** How it ended: an exit code, or the name of a signal, or why it never ran. */
  readonly ended: Promise<{ code: number | null; how: string }>;
}

export interface RunnerLauncherDeps {
  launch: () => Promise<LaunchedRunner>;
  /** Whether a runner works on this host now, whoever started it. */
  isRunnerAlive: () => Promise<boolean>;
  /** What waits for a runner: requests in the queue, and runs that one has left behind. */
  work: () => Promise<readonly string[]>;
  clock: Clock;
  log: Log;
  /** A runner has ended. `problem` says why no runner can work; undefined: it could. */
  onEnded: (problem: string | undefined) => void;
}

/** Starts a runner whenever there is work and no runner is alive (for hosts without a service manager that does it). */
export interface RunnerLauncher {
  /** There may be work. */
  wake(): Promise<void>;
  /** Starts one without work, if none is alive: it looks whether the repository can be read. */
  probe(): Promise<void>;
  stop(): void;
}

export function createRunnerLauncher(deps: RunnerLauncherDeps): RunnerLauncher {
  const { clock, log } = deps;
  let own: LaunchedRunner | undefined;
  let pause = FIRST_PAUSE;
  let pausing: { cancel(): void } | undefined;
  let stopped = false;
  const serial = createSerial({ onError: (error) => log.error("runner-not-started", { message: messageOf(error) }) });

  const start = async (needsWork: boolean) => {
    if (stopped || own !== undefined || pausing !== undefined) return;
    const before = await deps.work();
    if ((needsWork && before.length === 0) || (await deps.isRunnerAlive()) || stopped) return;
    const runner = await deps.launch();
    own = runner;
    log.info("runner-started", { pid: runner.pid });
    void runner.ended.then(({ code, how }) => serial.add(() => afterEnd(code, how, before)));
  };

  const afterEnd = async (code: number | null, how: string, before: readonly string[]) => {
    own = undefined;
    if (stopped) return;
    const left = await deps.work();
    const didNothing = before.length > 0 && before.every((run) => left.includes(run)) && !(await deps.isRunnerAlive());
    const failed = code !== 0 || didNothing;
    log[failed ? "warn" : "info"]("runner-ended", { how });
    deps.onEnded(failed ? `The runner ended with ${how}${didNothing ? " and left its work undone" : ""}.` : undefined);
    if (!failed) pause = FIRST_PAUSE;
    if (left.length === 0) return;
    if (!failed) return start(true);
    pausing = clock.setTimeout(() => {
      pausing = undefined;
      void serial.add(() => start(true));
    }, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };

  return {
    wake: () => serial.add(() => start(true)),
    probe: () => serial.add(() => start(false)),
    stop() {
      stopped = true;
      pausing?.cancel();
    },
  };
}
