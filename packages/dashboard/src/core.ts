import type { ServerInfo } from "@nixfleet/protocol";
import type { Clock } from "@nixfleet/runtime";
import { type Audit, createAudit } from "./audit/index.ts";
import { type Bus, createBus } from "./bus.ts";
import { createFleetViews, type FleetViews } from "./fleet/index.ts";
import { createHosts, type Hosts } from "./hosts/index.ts";
import { createIds, type Ids } from "./ids.ts";
import { type AgentLinks, createAgentLinks, createLinkTable, type Link } from "./links/index.ts";
import { createLive, type Live } from "./live/index.ts";
import type { Logger } from "./logger.ts";
import { createMetricsHistory, type MetricsHistory } from "./metrics-history/index.ts";
import { type Argon2Cost, openPeople, type People } from "./people/index.ts";
import {
  createHistoryKeeper,
  createRunLogs,
  createRuns,
  createRunViews,
  type HistoryKeeper,
  type RetentionLimits,
  type RunLogs,
  type Runs,
  type RunsDeps,
  type RunViews,
  type TargetCommits,
} from "./runs/index.ts";
import type { Sources } from "./sources/index.ts";
import { openStore, StorageUnavailable, type Store, type StoreDeps } from "./store/index.ts";

/** How long the start waits for runs to resume, in milliseconds. */
const START_TIMEOUT = 2000;

export interface CoreDeps {
  /** Of the database, or ":memory:". */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  randomBytes(size: number): Buffer;
  /** Between 0 and 1. */
  random(): number;
  readonly version: string;
  /** Creates the sources from the lower floors. */
  sources(floors: { store: Store; bus: Bus }): Sources;
  readonly retention: RetentionLimits;
  /** Bytes of text that the log of one run may have. */
  readonly logRunBytes: number;
  /** Cost of new password hashes; the recommended one when absent. */
  readonly passwordCost?: Argon2Cost | undefined;
  /** Facts about the dashboard for pages, other than those of the core. */
  server(): Omit<ServerInfo, "storage">;
  /** Deadlines in milliseconds that replace the ops' own: for tests. */
  readonly deadlines?: RunsDeps["deadlines"];
  readonly onLimit?: StoreDeps["onLimit"];
  readonly aroundStatement?: StoreDeps["aroundStatement"];
}

/** All parts without a network: floors, each of which knows only those below it. */
export interface Core extends AsyncDisposable {
  readonly bus: Bus;
  readonly store: Store;
  readonly ids: Ids;
  readonly audit: Audit;
  readonly people: People;
  readonly hosts: Hosts;
  readonly sources: Sources;
  readonly runs: Runs;
  readonly runViews: RunViews;
  readonly logs: RunLogs;
  readonly historyKeeper: HistoryKeeper;
  readonly links: AgentLinks;
  readonly metricsHistory: MetricsHistory;
  readonly views: FleetViews;
  readonly live: Live;
  /** Starts the parts from the bottom up. */
  start(): Promise<void>;
  /**
   * Stops them from the top down and stores pending changes. `afterLinks` is awaited once browsers and agents are disconnected, while
   * requests can still be answered.
   */
  stop(afterLinks?: Promise<void>): Promise<void>;
}

/** Opens the store, brings its schema up to date, and creates all parts. Starts nothing. */
export async function createCore(deps: CoreDeps): Promise<Core> {
  const { path, clock, log, randomBytes, random, version, retention, deadlines = {}, onLimit, aroundStatement } = deps;
  const { bus, publish } = createBus({ log });
  const table = createLinkTable<Link>();
  const store = await openStore({ path, clock, bus, publish, send: table.send, log, onLimit, aroundStatement });
  const lastRun = await store.db.selectFrom("runs").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  const ids = createIds({ now: () => clock.now(), randomBytes, after: lastRun?.id ?? null });
  const audit = createAudit({ store });
  const now = () => clock.now();
  const people = openPeople({ store, log, now, randomBytes, cost: deps.passwordCost });
  const endRuns: Runs["endRuns"] = (change, hostId) => runs.endRuns(change, hostId);
  const hosts = createHosts({ store, clock, ids, randomBytes, endRuns });
  const sources = deps.sources({ store, bus });
  const runs: Runs = createRuns({
    store,
    clock,
    log,
    ids,
    randomBytes,
    presence: table,
    verifyProof: people.prove,
    logLimits: { runBytes: deps.logRunBytes, hostBytes: retention.hostLogBytes },
    sources: targetCommits(sources),
    deadlines,
  });
  const runViews = createRunViews({ store, clock });
  const logs = createRunLogs(store);
  const historyKeeper = createHistoryKeeper({ store, bus, clock, log, limits: retention });
  const links = createAgentLinks({ store, bus, clock, log, runs, table, random });
  const metricsHistory = createMetricsHistory({ store, bus, clock, log, presence: table });
  const views = createFleetViews({ store, bus, clock, log, hosts, sources, presence: table, runs: runViews, logs });
  const server = (): ServerInfo => ({ ...deps.server(), storage: store.storage.ok ? null : store.storage.reason });
  const live = createLive({ store, bus, clock, log, views, runs: runViews, sources, links, audit, logs, version, server });

  let starting: Promise<void> = Promise.resolve();
  const core: Core = {
    bus,
    store,
    ids,
    audit,
    people,
    hosts,
    sources,
    runs,
    runViews,
    logs,
    historyKeeper,
    links,
    metricsHistory,
    views,
    live,
    async start() {
      await sources.start();
      // While nothing can be stored, it continues in the background, so that pages can show the fault.
      starting = runs.start().catch((error: unknown) => {
        if (!(error instanceof StorageUnavailable)) log.error({ err: error }, "Runs could not be resumed");
      });
      const timeout = Promise.withResolvers<void>();
      const timer = clock.setTimeout(timeout.resolve, START_TIMEOUT);
      await Promise.race([starting, timeout.promise]);
      timer.cancel();
      await views.start();
      historyKeeper.start();
      metricsHistory.start();
      links.start();
      live.start();
    },
    async stop(afterLinks) {
      await live.stop();
      await links.stop();
      await afterLinks;
      await metricsHistory.stop();
      await historyKeeper.stop();
      await views.stop();
      await runs.stop();
      await sources.stop();
      await store.close();
      await starting;
    },
    [Symbol.asyncDispose]: () => core.stop(),
  };
  return core;
}

/** The sources as runs use them. */
function targetCommits(sources: Sources): TargetCommits {
  return {
    targetOf(sourceId) {
      const source = sources.of(sourceId);
      if (source === null) {
        // If no source is declared, do not report the host's source as undeclared.
        const undeclared = sourceId !== null && sources.list().length > 0;
        return undeclared ? { state: "undeclared", sourceId } : { state: "unknown", sourceId };
      }
      const view = source.view();
      if (view.state === "never-read") return { state: "unknown", sourceId: source.id };
      return { state: "known", sourceId: source.id, commit: view.commit, subject: view.subject };
    },
    subjectOf: async (sourceId, commit) => (await sources.of(sourceId)?.subject(commit)) ?? null,
  };
}
