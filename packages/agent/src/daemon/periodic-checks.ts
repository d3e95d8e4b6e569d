import type { Background } from "./background.ts";
import type { FactReports } from "./fact-reports.ts";
import type { MetricReports } from "./metric-reports.ts";
import type { RunnerLauncher } from "./runner-launcher.ts";

/** Milliseconds between metrics, looks at what facts depend on, and scans for what the kernel did not report. */
const IDLE_INTERVAL = 60_000;
/** The same scan while a run waits or works. */
const BUSY_INTERVAL = 2000;
/** When a runner is started to look at the repository, if the link does not come up before. */
const PROBE_DELAY = 5000;

export interface PeriodicChecksDeps {
  background: Background;
  facts: Pick<FactReports, "check">;
  metrics: Pick<MetricReports, "tell" | "isWatched">;
  launcher: Pick<RunnerLauncher, "wake" | "probe">;
  isLinkUp: () => boolean;
  scan: () => Promise<void>;
  /** Whether a run waits or works, or a dead-man switch is armed. */
  hasWork: () => Promise<boolean>;
  /** Ends this process if what runs now installs another agent and no run is active. */
  renew: () => Promise<void>;
  hasRepoProblem: () => boolean;
}

/** When the daemon looks by itself: at the spool and for a runner often while there is work, and at all things once a minute. */
export interface PeriodicChecks {
  start(): void;
  /** There is work, or it was asked for: a runner is started where none works. */
  wakeRunner(): Promise<void>;
  /** A run was seen: look often until none is left. */
  beBusy(): void;
  /** The link is up, so that the repository may be in reach (again). */
  probe(): Promise<void>;
}

export function createPeriodicChecks(deps: PeriodicChecksDeps): PeriodicChecks {
  const { background, facts, metrics, launcher, hasRepoProblem } = deps;
  let probed = false;
  let isProbeDue = false;
  let isBusy = false;

  const wakeRunner = async () => {
    await deps.scan();
    await launcher.wake();
  };

  const checkAll = async () => {
    if (deps.isLinkUp() && !metrics.isWatched) await metrics.tell();
    const isDue = await facts.check();
    if (isDue && hasRepoProblem()) await launcher.probe();
    await wakeRunner();
    if (await deps.hasWork()) beBusy();
    await deps.renew();
  };

  // A round that fails before it knows whether work is left is followed by another one.
  const busy = background.every(
    "busy",
    () => (isBusy ? BUSY_INTERVAL : Number.POSITIVE_INFINITY),
    async () => {
      await wakeRunner();
      // What was activated, armed or undone is reported while it is so, and not a minute later.
      await facts.check();
      // Cleared before the question: beBusy may be called while it is answered.
      isBusy = false;
      if (await deps.hasWork()) beBusy();
      await deps.renew();
    },
  );

  const beBusy = () => {
    if (isBusy) return;
    isBusy = true;
    busy.reschedule();
  };

  /** A runner looks at the repository at the start, and again when the network is back and the repository was out of reach. */
  const probe = background.every(
    "probe",
    () => (isProbeDue ? PROBE_DELAY : Number.POSITIVE_INFINITY),
    async () => {
      isProbeDue = false;
      if (probed && !hasRepoProblem()) return;
      probed = true;
      await launcher.probe();
    },
  );

  return {
    start() {
      background.every("idle", IDLE_INTERVAL, checkAll);
      isProbeDue = true;
      probe.reschedule();
    },
    wakeRunner,
    beBusy,
    probe: () => probe.runNow(),
  };
}
