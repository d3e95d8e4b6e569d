import type { HostPolicy, HostSettings, OpName } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { FactKeeper } from "../facts/fact-keeper.ts";
import type { MetricsReader } from "../facts/metrics.ts";
import type { Problems } from "../facts/problems.ts";

import { createLink, type DaemonMessage } from "../link/link.ts";
import type { Dial } from "../link/link-socket.ts";
import type { Log } from "../log.ts";
import type { Platform } from "../platforms/platform.ts";
import { createAcknowledgements } from "../ship/acknowledgements.ts";
import { createRunWatch } from "../ship/run-watch.ts";
import { createShipper } from "../ship/shipper.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { createBackground } from "./background.ts";
import { createFactReports } from "./fact-reports.ts";
import { createHeldRuns } from "./held-runs.ts";
import { createHello } from "./hello.ts";
import type { Instance } from "./instance.ts";
import { limitLog } from "./limited-log.ts";
import { createMetricReports } from "./metric-reports.ts";
import { createPeriodicChecks } from "./periodic-checks.ts";
import { createRenewal } from "./renewal.ts";
import { createRequests } from "./requests.ts";
import { createRestartWatch } from "./restart-watch.ts";
import { createRunReports } from "./run-reports.ts";
import { createRunnerLauncher, type RunnerHandle } from "./runner-launcher.ts";
import { wakeRunner } from "./wake-runner.ts";

export interface DaemonConfig {
  hostname: string;
  stateDir: string;
  runnerDir: string;
  /** Milliseconds between metrics while somebody is watching. */
  interval: number;
  policy: HostPolicy & { allowedOps: OpName[] };
  settings: HostSettings;
}

export interface DaemonDeps {
  config: DaemonConfig;
  instance: Instance;
  dial: Dial;
  clock: Clock;
  random: () => number;
  log: Log;
  facts: FactKeeper;
  problems: Problems;
  metrics: MetricsReader;
  /** A text that changes when facts may have changed. */
  fingerprint: () => Promise<string>;
  /** Starts a runner; absent where a service manager does that when the queue has a file. */
  launch?: () => Promise<RunnerHandle>;
  /** Which closure runs, and by which text a closure installs this agent. */
  platform: Pick<Platform, "runningClosure" | "installedAgent">;
  isRunnerAlive: () => Promise<boolean>;
}

/** Why the daemon ended: `restart` asks the service manager to restart the agent. */
export type DaemonEnd = "stopped" | "restart";

export interface Daemon extends AsyncDisposable {
  start(): Promise<void>;
  /** Ends the link and all timers. A runner continues. */
  stop(): Promise<void>;
  readonly ended: Promise<DaemonEnd>;
}

/** Joins link, spool, facts and runner. Everything it does is an answer to one of: a message, a file that changed, a timer. */
export function createDaemon(deps: DaemonDeps): Daemon {
  const { config, instance, clock, log, problems } = deps;
  const { stateDir, runnerDir } = config;
  const { deadman } = runnerLayout(runnerDir);
  const files = createDaemonFiles(stateDir);
  const spool = createSpoolReader(runnerDir);
  const acknowledgements = createAcknowledgements({ files, clock, log });
  const background = createBackground({ clock, log });
  const ended = Promise.withResolvers<DaemonEnd>();
  let stopping: Promise<void> | undefined;

  const facts = createFactReports({
    facts: deps.facts,
    fingerprint: deps.fingerprint,
    background,
    clock,
    send: (reading) => link.send({ type: "facts", reading }),
  });

  const metrics = createMetricReports({
    metrics: deps.metrics,
    background,
    interval: config.interval,
    send: (measured) => link.send({ type: "metrics", metrics: measured }),
  });

  const restarts = createRestartWatch({
    runnerDir,
    spool,
    instance: instance.name,
    log,
    onRestart() {
      log.info("restart-asked");
      background.run("restart", end("restart"));
    },
  });

  const watch = createRunWatch({
    runnerDir,
    spool,
    log,
    onRun(runId, run) {
      shipper.add(runId, run.lastSeq);
      if (run.ended) return;
      background.run("restart", restarts.begin(runId));
      checks.beBusy();
    },
    onChange(runId) {
      shipper.changed(runId);
      background.run("restart", restarts.changed(runId));
    },
    onEnd(runId, lastSeq) {
      log.info("run-ended", { runId });
      if (lastSeq !== undefined) shipper.ended(runId, lastSeq);
      background.run("restart", restarts.end(runId));
      facts.tell();
    },
    onGone: (runId) => shipper.gone(runId),
  });

  const shipper = createShipper({
    spool,
    acknowledgements,
    log,
    send: (frame) => link.sendFrame(frame),
    onFault(runId, reason, isLost) {
      problems.set(`spool ${runId}`, "internal", `The spool of run ${runId} cannot be read: ${reason}`);
      facts.tell();
      if (isLost) background.run("report", reports.fault(runId, reason));
    },
  });

  const heldRuns = createHeldRuns({ files, spool, shipper, clock });
  const reports = createRunReports({ heldRuns, shipper, log: limitLog(log, clock), send: (message) => link.send(message) });

  const requests = createRequests({
    files,
    spool,
    allowedOps: config.policy.allowedOps,
    unstored: () => shipper.pending().length,
    clock,
    log: limitLog(log, clock),
    send: (message) => link.send(message),
    onQueued() {
      background.run("runner", checks.wakeRunner());
      checks.beBusy();
    },
    onRepeated(runId) {
      if (!shipper.pending().includes(runId)) background.run("report", reports.answer({ type: "reportRun", runId, fromSeq: 1 }));
    },
  });

  /** What only a runner can end: runs that have begun, and an armed dead-man switch. */
  const begun = async () => [...watch.active(), ...((await exists(deadman)) ? ["deadman"] : [])];
  const hasWork = async () => (await files.queued()).length + (await begun()).length > 0;
  const { launch, isRunnerAlive } = deps;
  const launcher = createRunnerLauncher({
    launch: launch ?? (() => wakeRunner({ files, isRunnerAlive, clock })),
    isRunnerAlive,
    async work() {
      await watch.scan(); // a runner that has just ended may have ended its run since the last one
      // A service manager sees a request by itself.
      return launch === undefined ? begun() : [...(await files.queued()), ...(await begun())];
    },
    clock,
    log,
    onEnded(problem) {
      const words = launch === undefined ? "in the journal of its service" : `in ${stateDir}/runner.log`;
      if (problem === undefined) problems.clear("runner");
      else problems.set("runner", "internal", `${problem} Its own words are ${words}.`);
      background.run("scan", watch.scan());
      facts.tell();
    },
  });

  const renewal = createRenewal({
    runningClosure: () => deps.platform.runningClosure(),
    installedAgent: (closure) => deps.platform.installedAgent(closure),
    hasWork,
    log,
    onRenew: () => background.run("renewal", end("restart")),
  });

  const checks = createPeriodicChecks({
    background,
    facts,
    metrics,
    launcher,
    isLinkUp: () => link.up,
    scan: () => watch.scan(),
    hasWork,
    renew: () => renewal.check(),
    hasRepoProblem: () => deps.facts.current().clone?.problem !== undefined,
  });

  const link = createLink({
    dial: deps.dial,
    clock,
    random: deps.random,
    log,
    hello: createHello({
      self: { hostname: config.hostname, instance: instance.name, policy: config.policy, settings: config.settings },
      facts,
      scan: () => watch.scan(),
      heldRuns,
    }),
    onUp(welcome) {
      shipper.onWelcome(welcome.runs);
      background.run("instance", instance.connected());
      facts.onUp();
      background.run("metrics", metrics.tell());
      background.run("probe", checks.probe());
    },
    onMessage,
    onDown() {
      metrics.watch(false);
      shipper.onDown();
    },
  });

  function onMessage(message: DaemonMessage): void {
    switch (message.type) {
      case "ack":
        shipper.onAck(message);
        return;
      case "startRun":
        background.run("request", requests.start(message));
        return;
      case "cancelRun":
        background.run("request", requests.cancel(message));
        return;
      case "reportRun":
        background.run("report", reports.answer(message));
        return;
      case "watch":
        metrics.watch(message.on);
        return;
      default:
        message satisfies never;
    }
  }

  function end(why: DaemonEnd): Promise<void> {
    stopping ??= (async () => {
      log.info("daemon-stops", { why });
      background.stop();
      launcher.stop();
      link.stop();
      await shipper[Symbol.asyncDispose]();
      await watch[Symbol.asyncDispose]();
      await acknowledgements[Symbol.asyncDispose]();
      ended.resolve(why);
      await restarts[Symbol.asyncDispose]();
    })();
    return stopping;
  }

  return {
    ended: ended.promise,
    async start() {
      await files.prepare();
      await Promise.all([instance.begin(), acknowledgements.load(), renewal.begin()]);
      facts.begin();
      metrics.begin();
      link.start();
      await watch.scan();
      await facts.takeFingerprint();
      checks.start();
      await checks.wakeRunner();
    },
    stop: () => end("stopped"),
    [Symbol.asyncDispose]: () => end("stopped"),
  };
}
