import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type Clock, type Exec, every, gitCredentials, messageOf, takeLockOnFullDisk } from "@nixfleet/runtime";
import type { Audit } from "./audit/index.ts";
import type { DashboardSettings } from "./config.ts";
import { createCore } from "./core.ts";
import { createApp } from "./http/app.ts";
import { createAuthentication, sessionAuthenticator } from "./http/authentication.ts";
import { createHealth } from "./http/health.ts";
import { createIdempotency } from "./http/idempotency.ts";
import { createOrigins } from "./http/origins.ts";
import { serveAudit } from "./http/routes/audit.ts";
import { serveHosts } from "./http/routes/hosts.ts";
import { serveLogs } from "./http/routes/logs.ts";
import { serveRuns } from "./http/routes/runs.ts";
import { serveSession } from "./http/routes/session.ts";
import { serveSources } from "./http/routes/sources.ts";
import { createHttpServer } from "./http/server.ts";
import { readStaticFiles } from "./http/static-files.ts";
import { createAgentUpgrade } from "./links/index.ts";
import { createLiveUpgrade } from "./live/index.ts";
import type { Logger } from "./logger.ts";
import type { Argon2Cost } from "./people/index.ts";
import type { RunsDeps } from "./runs/index.ts";
import { createSources } from "./sources/index.ts";
import { StorageUnavailable, type StoreDeps } from "./store/index.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
/** How long active requests may take when the dashboard stops, in milliseconds. */
const REQUEST_GRACE = 3000;

export interface DashboardDeps {
  readonly settings: DashboardSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly exec: Exec;
  /** Environment; git gets the variables it needs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  randomBytes(size: number): Buffer;
  /** Between 0 and 1. */
  random(): number;
  /** Cost of new password hashes; the recommended one when absent. */
  readonly passwordCost?: Argon2Cost | undefined;
  /** Checks every answer against its schema; for tests. */
  readonly checkAnswers?: boolean | undefined;
  /** Deadlines in milliseconds that replace the ops' own: for tests. */
  readonly deadlines?: RunsDeps["deadlines"];
  /** For tests of a full disk. */
  readonly onLimit?: StoreDeps["onLimit"];
  /** For tests of what is read. */
  readonly aroundStatement?: StoreDeps["aroundStatement"];
}

export interface Dashboard extends AsyncDisposable {
  readonly port: number;
  /** The address that people open. */
  readonly origin: string;
  /** The one-time link to create the first administrator; null: there is one already. */
  readonly setupUrl: string | null;
  /** Stops everything in the reverse order of its start. */
  stop(): Promise<void>;
}

/** Why the dashboard cannot start, as a sentence for a person. */
export class StartFault extends Error {
  override name = "StartFault";
}

/** How often a database that cannot be opened is tried again, in milliseconds. */
const OPEN_RETRY = 5000;

/**
 * Opens what needs the database. While its disk is full or broken, the dashboard says so to whoever asks, instead of ending and being
 * started again and again, and goes on once there is room.
 */
async function untilStorageOpens<T>(
  open: () => Promise<T>,
  { clock, log, signal, explain }: { clock: Clock; log: Logger; signal: AbortSignal; explain(reason: string): void },
): Promise<T> {
  for (let told = ""; ; ) {
    signal.throwIfAborted();
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof StorageUnavailable)) throw error;
      if (told !== error.message) log.error({ err: error }, "The database cannot be opened; trying again every 5 s");
      told = error.message;
      explain(
        `The database cannot be opened: ${error.message} Free space on its disk, or see the log; the dashboard goes on by itself.`,
      );
      await pause(clock, OPEN_RETRY, signal);
    }
  }
}

/** Ends early when the signal aborts. */
function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = clock.setTimeout(over.resolve, milliseconds);
  const end = () => over.resolve();
  signal.addEventListener("abort", end);
  return over.promise.finally(() => {
    timer.cancel();
    signal.removeEventListener("abort", end);
  });
}

/**
 * Creates all parts of the dashboard and starts them in order. Rejects with StartFault for faults that a person can fix. Then, and if
 * the signal aborts, it stops the parts that were started.
 */
export async function startDashboard(deps: DashboardDeps, signal: AbortSignal): Promise<Dashboard> {
  const { settings, clock, log, exec, env, version, randomBytes, random } = deps;
  const dataDir = resolve(settings.dataDir);
  const now = () => clock.now();
  await using started = new AsyncDisposableStack();

  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new StartFault(`The data directory ${dataDir} cannot be created: ${messageOf(error)}`, { cause: error });
  });
  const lock = await takeLockOnFullDisk(join(dataDir, "dashboard.lock"), (error) =>
    log.warn({ err: error }, "The disk is full, so nothing but the port keeps a second dashboard from this data directory"),
  );
  if (!lock.ok) throw new StartFault(`Another dashboard (process ${lock.owner.pid}) is already using ${dataDir}.`);
  started.use(lock.lock);

  // Listen first: a used port is the most likely fault, and then nothing was changed.
  const server = createHttpServer({ log, trustedProxies: settings.trustedProxies });
  const port = await server.listen(settings.listen, settings.port).catch((error: unknown) => {
    throw new StartFault(`Cannot listen on ${settings.listen} port ${settings.port}: ${messageOf(error)}`, { cause: error });
  });
  started.defer(() => server.stop(0));
  const origins = createOrigins(settings.origin, port);

  const startedAt = now();
  const { repoUrl: url, branch, flakeDir } = settings;
  const openCore = () =>
    createCore({
      path: join(dataDir, "nixfleet.db"),
      clock,
      log,
      randomBytes,
      random,
      version,
      sources: (floors) =>
        createSources({
          ...floors,
          declared: url === undefined ? [] : [{ url, branch, flakeDir, credentials: gitCredentials(settings) }],
          directory: join(dataDir, "mirror"),
          interval: settings.fetchInterval * 1000,
          clock,
          log,
          exec,
          env,
        }),
      retention: {
        logAge: settings.logKeepDays * DAY,
        logBytes: settings.logKeepBytes,
        hostLogBytes: settings.logHostBytes,
        runAge: settings.runKeepDays * DAY,
        runsPerHost: settings.runKeepCount,
      },
      logRunBytes: settings.logRunBytes,
      passwordCost: deps.passwordCost,
      server: () => ({ version, startedAt, repoUrl: url ?? null, origin: origins.own, notice: settings.notice ?? null }),
      deadlines: deps.deadlines ?? {},
      onLimit: deps.onLimit,
      aroundStatement: deps.aroundStatement,
    });
  const core = await untilStorageOpens(openCore, { clock, log, signal, explain: server.explain });
  // Active requests end before the parts that they use.
  let closing: Promise<void> = Promise.resolve();
  started.defer(() => core.stop(closing));
  const { store, audit, people, hosts, sources, runs, runViews, logs, links, metricsHistory, views, live } = core;
  const { adminName: name, adminPasswordHash: hash } = settings;
  await people.declareAdmin(hash === undefined ? null : { name, hash });
  const onLive = createLiveUpgrade({ live });

  const idempotency = createIdempotency({ store, now });
  const authentication = createAuthentication([sessionAuthenticator(people, origins.secure)]);
  const delays = monitorEventLoopDelay({ resolution: 20 });
  const app = createApp({
    authentication,
    idempotency,
    origins,
    health: createHealth({ store, version, now, delays }),
    staticFiles: await readStaticFiles(settings.webDir),
    trustedProxies: settings.trustedProxies,
    log,
    version,
    randomBytes,
    checkAnswers: deps.checkAnswers,
    runs,
    routes(serve) {
      serveSession(serve, { people, origins });
      serveHosts(serve, { hosts, views, metricsHistory });
      serveRuns(serve, { hosts, runs, runViews });
      serveLogs(serve, { runViews, logs });
      serveSources(serve, { sources, store });
      serveAudit(serve, { audit });
    },
  });

  signal.throwIfAborted();
  await core.start();
  const sweeps = { sessions: () => people.sessions.sweep(), idempotency: () => idempotency.sweep() };
  for (const [swept, sweep] of Object.entries(sweeps)) {
    const onError = (error: unknown) => log.error({ err: error, swept }, "An hourly cleanup failed");
    started.use(every(sweep, { interval: HOUR, clock, onError, immediately: true }));
  }
  delays.enable();
  started.defer(() => void delays.disable());
  started.use(checkAudit(audit, log));

  signal.throwIfAborted();
  server.open({
    app,
    origins,
    authentication,
    onAgent: createAgentUpgrade({ hosts, links, log }),
    onLive: ({ request, socket, head }, session) => onLive(request, socket, head, session),
  });
  // Stopped first: accepts no new requests and links, while active ones may finish.
  started.defer(() => {
    closing = server.stop(REQUEST_GRACE);
  });

  const setupToken = await people.issueSetupToken();
  const parts = started.move();
  let stopping: Promise<void> | null = null;
  const stop = () => (stopping ??= parts.disposeAsync());
  return {
    port,
    origin: origins.own,
    setupUrl: setupToken === null ? null : `${origins.own}/setup#${setupToken}`,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Verifies the audit trail in the background, since a long one takes time. */
function checkAudit(audit: Audit, log: Logger): AsyncDisposable {
  const ending = new AbortController();
  const checking = audit.verify(ending.signal).then(
    (verdict) => {
      if (!verdict.ok) log.error({ seq: verdict.seq }, `The audit trail was tampered with: ${verdict.reason}`);
      else log.info({ entries: verdict.entries, head: verdict.head }, "The audit trail is intact");
    },
    (error: unknown) => {
      if (!ending.signal.aborted) log.error({ err: error }, "The audit trail could not be checked");
    },
  );
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await checking;
    },
  };
}
