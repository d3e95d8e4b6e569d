import {
  type FromAgentOf,
  type FromDashboardOf,
  type HostPolicy,
  type HostSettings,
  type OpName,
  PROTOCOL_VERSION,
  type RunId,
  type UnacknowledgedRun,
} from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import type { FactKeeper } from "../facts/fact-keeper.ts";
import type { MetricsReader } from "../facts/metrics.ts";
import type { Problems } from "../facts/problems.ts";
import { createLink, type ForTheDaemon } from "../link/link.ts";
import type { Dial } from "../link/link-socket.ts";
import { type Log, messageOf } from "../log.ts";
import { createAcknowledgements } from "../ship/acknowledgements.ts";
import { createRunWatch } from "../ship/run-watch.ts";
import { createShipper } from "../ship/shipper.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import type { Instance } from "./instance.ts";
import { createRequests } from "./requests.ts";
import { createRestartWatch } from "./restart-watch.ts";
import { createRunnerLauncher, type LaunchedRunner } from "./runner-launcher.ts";

const second = 1000;
/** Metrics, a look at what facts hang on, and a scan for what the kernel did not tell. */
const IDLE_INTERVAL = 60 * second;
/** The same scan while a run waits or works. */
const BUSY_INTERVAL = 2 * second;
/** All facts are read anew at least this often: some hang on nothing that can be looked at cheaply. */
const FULL_READING_INTERVAL = 15 * 60 * second;
/** When a runner is started to look at the repository, if the link does not come up before. */
const PROBE_DELAY = 5 * second;

export interface DaemonConfig {
  hostname: string;
  stateDir: string;
  runnerDir: string;
  /** Milliseconds between metrics while somebody watches. */
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
  launch?: () => Promise<LaunchedRunner>;
  isRunnerAlive: () => Promise<boolean>;
}

/** Why the daemon ended: `restart` asks the service manager to start the agent anew. */
export type DaemonEnd = "stopped" | "restart";

export interface Daemon extends AsyncDisposable {
  start(): Promise<void>;
  /** Ends the link and all timers. A runner goes on. */
  stop(): Promise<void>;
  readonly ended: Promise<DaemonEnd>;
}

/** Joins link, spool, facts and runner. Everything it does is an answer to one of: a message, a file that changed, a timer. */
export function createDaemon(deps: DaemonDeps): Daemon {
  const { config, instance, clock, log, facts, problems } = deps;
  const { stateDir, runnerDir } = config;
  const files = createDaemonFiles(stateDir);
  const spool = createSpoolReader(runnerDir);
  const acknowledgements = createAcknowledgements({ files, clock, log });
  const ended = Promise.withResolvers<DaemonEnd>();
  const timers = new Map<string, { cancel(): void }>();
  let stopping: Promise<void> | undefined;
  let isWatched = false;
  let firstFacts: Promise<unknown> | undefined;
  let factsMissed = false;
  let seenFingerprint = "";
  let fullReadingAt = clock.now();
  let factsQueued = false;

  /** One timer of each name. An error of an edge is logged and the agent goes on: staying reachable comes first. */
  const after = (name: string, milliseconds: number, work: () => Promise<void>) => {
    timers.get(name)?.cancel();
    if (stopping !== undefined) return;
    const timer = clock.setTimeout(() => {
      timers.delete(name);
      background(name, work());
    }, milliseconds);
    timers.set(name, timer);
  };
  const background = (name: string, work: Promise<unknown>) => {
    work.catch((error: unknown) => log.error("work-failed", { name, message: messageOf(error) }));
  };

  const restarts = createRestartWatch({
    runnerDir,
    spool,
    instance: instance.name,
    log,
    onRestart: () => {
      log.info("restart-asked");
      background("restart", end("restart"));
    },
  });

  const watch = createRunWatch({
    runnerDir,
    spool,
    log,
    onRun(runId, run) {
      shipper.add(runId, run.lastSeq);
      if (run.ended) return;
      background("restart", restarts.begin(runId));
      beBusy();
    },
    onChange(runId) {
      shipper.changed(runId);
      background("restart", restarts.changed(runId));
    },
    onEnd(runId) {
      log.info("run-ended", { runId });
      background("restart", restarts.end(runId));
      tellFacts();
    },
  });

  const shipper = createShipper({
    spool,
    acknowledgements,
    log,
    send: (frame) => link.sendFrame(frame),
    onFault(runId, reason) {
      problems.set(`spool ${runId}`, "internal", `The output of run ${runId} cannot be read: ${reason}`);
      tellFacts();
    },
  });

  const requests = createRequests({
    files,
    spool,
    allowedOps: config.policy.allowedOps,
    clock,
    log,
    send: (message) => link.send(message),
    onQueued() {
      background("runner", wakeRunner());
      beBusy();
    },
    onRepeated: (runId) => shipper.again(runId),
  });

  const launcher =
    deps.launch &&
    createRunnerLauncher({
      launch: deps.launch,
      isRunnerAlive: deps.isRunnerAlive,
      async work() {
        await watch.scan(); // a runner that has just ended may have ended its run since the last one
        return [...(await files.queued()), ...watch.active()];
      },
      clock,
      log,
      onEnded(problem) {
        if (problem === undefined) problems.clear("runner");
        else problems.set("runner", "internal", `${problem} Its own words are in ${stateDir}/runner.log.`);
        background("scan", watch.scan());
        tellFacts();
      },
    });
  const wakeRunner = async () => {
    await watch.scan();
    await launcher?.wake();
  };

  const link = createLink({
    dial: deps.dial,
    clock,
    random: deps.random,
    log,
    hello,
    onUp(welcome) {
      shipper.onWelcome(welcome.runs);
      background("instance", instance.connected());
      if (factsMissed) link.send({ type: "facts", reading: facts.all() });
      factsMissed = false;
      background("metrics", tellMetrics());
      background("probe", probe());
    },
    onMessage,
    onDown() {
      isWatched = false;
      timers.get("watched")?.cancel();
      shipper.onDown();
    },
  });

  async function hello(): Promise<FromAgentOf<"hello">> {
    // Those of the start are being read already; after a lost link they are read anew, so that their time is true.
    await (firstFacts ?? facts.refresh());
    firstFacts = undefined;
    await watch.scan();
    const queued = (await files.queued()).map((runId) => ({ runId, state: "queued" as const, lastSeq: 0 }));
    const begun = await Promise.all(shipper.pending().map(describeRun));
    const known = new Set(begun.map(({ runId }) => runId));
    return {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      hostname: config.hostname,
      instance: instance.name,
      policy: config.policy,
      settings: config.settings,
      facts: facts.all(),
      runs: [...begun, ...queued.filter(({ runId }) => !known.has(runId))].slice(-1000),
    };
  }

  async function describeRun(runId: RunId): Promise<UnacknowledgedRun> {
    const outcome = await spool.outcome(runId);
    if (outcome.kind === "ok") return { runId, state: "finished", lastSeq: outcome.value.lastSeq };
    return { runId, state: outcome.kind === "missing" ? "active" : "finished", lastSeq: await spool.lastSeq(runId) };
  }

  function onMessage(message: ForTheDaemon): void {
    switch (message.type) {
      case "ack":
        shipper.onAck(message);
        return;
      case "startRun":
        background("request", requests.start(message));
        return;
      case "cancelRun":
        background("request", requests.cancel(message));
        return;
      case "watch":
        onWatch(message);
        return;
      default:
        message satisfies never;
    }
  }

  function onWatch({ on }: FromDashboardOf<"watch">): void {
    isWatched = on;
    timers.get("watched")?.cancel();
    if (on) background("metrics", watched());
  }

  async function watched(): Promise<void> {
    await tellMetrics();
    if (isWatched) after("watched", config.interval, watched);
  }

  async function tellMetrics(): Promise<void> {
    const metrics = await deps.metrics.read();
    link.send({ type: "metrics", metrics });
  }

  /** Reads the facts anew and tells what changed. Calls that come while one waits for its turn are one. */
  function tellFacts(): void {
    if (factsQueued || stopping !== undefined) return;
    factsQueued = true;
    const tell = async () => {
      // What comes within this moment (several runs that end, a burst of files) is read once.
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 100));
      factsQueued = false;
      const reading = await facts.refresh();
      if (reading !== undefined && !link.send({ type: "facts", reading })) factsMissed = true;
    };
    background("facts", tell());
  }

  async function idle(): Promise<void> {
    after("idle", IDLE_INTERVAL, idle);
    if (link.up && !isWatched) await tellMetrics();
    const print = await deps.fingerprint();
    const isDue = clock.now() - fullReadingAt >= FULL_READING_INTERVAL;
    if (print !== seenFingerprint || isDue) {
      seenFingerprint = print;
      fullReadingAt = clock.now();
      tellFacts();
    }
    if (isDue && hasRepoProblem()) await launcher?.probe();
    await wakeRunner();
  }

  function beBusy(): void {
    if (!timers.has("busy")) after("busy", BUSY_INTERVAL, busy);
  }

  async function busy(): Promise<void> {
    await wakeRunner();
    if (watch.active().length > 0 || (await files.queued()).length > 0) beBusy();
  }

  const hasRepoProblem = () => facts.current().clone?.problem !== undefined;

  let probed = false;
  /** A runner looks at the repository at the start, and again when the network is back and the repository was out of reach. */
  async function probe(): Promise<void> {
    timers.get("probe")?.cancel();
    if (probed && !hasRepoProblem()) return;
    probed = true;
    await launcher?.probe();
  }

  function end(why: DaemonEnd): Promise<void> {
    stopping ??= (async () => {
      log.info("daemon-stops", { why });
      for (const timer of timers.values()) timer.cancel();
      launcher?.stop();
      link.stop();
      await shipper[Symbol.asyncDispose]();
      await watch[Symbol.asyncDispose]();
      await acknowledgements.flush();
      ended.resolve(why);
      await restarts[Symbol.asyncDispose]();
    })();
    return stopping;
  }

  return {
    ended: ended.promise,
    async start() {
      await files.prepare();
      await Promise.all([instance.begin(), acknowledgements.load()]);
      firstFacts = facts.refresh();
      background("metrics", deps.metrics.read());
      link.start();
      await watch.scan();
      seenFingerprint = await deps.fingerprint();
      after("idle", IDLE_INTERVAL, idle);
      after("probe", PROBE_DELAY, probe);
      await wakeRunner();
    },
    stop: () => end("stopped"),
    [Symbol.asyncDispose]: () => end("stopped"),
  };
}
