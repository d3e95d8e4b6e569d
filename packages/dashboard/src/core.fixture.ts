import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { HostId, RunId, RunSummary, SourceView } from "@nixfleet/protocol";
import { type Clock, systemClock } from "@nixfleet/runtime";
import {
  createFleetSimulator,
  createTempDir,
  type FleetSimulator,
  type FleetSimulatorOptions,
  sampleSettings,
} from "@nixfleet/testkit";
import { Hono } from "hono";
import type { PersonActor } from "./actor.ts";
import type { BusEventName } from "./bus.ts";
import { type CoreDeps, createCore } from "./core.ts";
import { hashToken, makeToken } from "./hosts/host-token.ts";
import { sourceIdOf } from "./hosts/index.ts";
import { serveConfirm } from "./http/confirm.ts";
import { createAgentUpgrade } from "./links/index.ts";
import type { Logger } from "./logger.ts";
import type { RetentionLimits, RunRequest, RunsDeps, StartResult } from "./runs/index.ts";
import type { Source, Sources } from "./sources/index.ts";

/** Who asks in tests. */
export const ADA: PersonActor = { kind: "person", id: "1", name: "ada", role: "admin", address: "192.0.2.1", proof: null };

const KEEP_ALL: RetentionLimits = {
  logAge: Number.MAX_SAFE_INTEGER,
  logBytes: Number.MAX_SAFE_INTEGER,
  hostLogBytes: Number.MAX_SAFE_INTEGER,
  runAge: Number.MAX_SAFE_INTEGER,
  runsPerHost: 1_000_000,
};

export const COMMIT = "7f3a91c".padEnd(40, "0");
/** Every source has it too. */
export const OLDER_COMMIT = "4be20d7".padEnd(40, "0");

export interface CoreOptions {
  /** Of the database; the caller removes it. */
  path: string;
  port?: number;
  /** Of the only source, which simulated hosts track; null: no source is declared. */
  target?: { commit: string; subject: string } | null;
  /** More sources, of other branches of the same repository. */
  branches?: Readonly<Record<string, { commit: string; subject: string }>>;
  deadlines?: RunsDeps["deadlines"];
  clock?: Clock;
  onLimit?: (limitPages: (pages: number) => void) => void;
  aroundStatement?: CoreDeps["aroundStatement"];
  /** Everything is kept where nothing is said. */
  retention?: Partial<RetentionLimits>;
  logRunBytes?: number;
}

/** A dashboard's core on a real port and a real database, without people, pages and a config repository. */
export async function openCore({ path, port = 0, deadlines = {}, clock = systemClock, ...options }: CoreOptions) {
  const logged: { facts: unknown; text: string }[] = [];
  const write = (facts: unknown, text?: string) => void logged.push({ facts, text: text ?? "" });
  const log = { debug: () => {}, info: () => {}, warn: write, error: write } as unknown as Logger;
  const target = options.target === undefined ? { commit: COMMIT, subject: "Update inputs" } : options.target;
  const parts = await createCore({
    path,
    clock,
    log,
    randomBytes,
    random: Math.random,
    version: "0.0.0-test",
    sources: () => fixedSources({ ...(target && { [sampleSettings.branch ?? "main"]: target }), ...options.branches }),
    retention: { ...KEEP_ALL, ...options.retention },
    logRunBytes: options.logRunBytes ?? Number.MAX_SAFE_INTEGER,
    server: () => ({ version: "0.0.0-test", startedAt: 0, repoUrl: null, origin: "http://localhost", notice: null }),
    deadlines,
    onLimit: options.onLimit,
    aroundStatement: options.aroundStatement,
  });
  const { store, bus, ids, hosts, runs, links, runViews: views, views: fleet, logs } = parts;
  await parts.start();
  const app = new Hono();
  serveConfirm(app, runs);
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer((request, response) => void listener(request, response));
  const upgrade = createAgentUpgrade({ hosts, links, log });
  const sockets = new Set<Duplex>();
  server.on("upgrade", (request, socket, head) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    upgrade({ request, socket, head, address: request.socket.remoteAddress ?? "" });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const bound = (server.address() as AddressInfo).port;

  /** Reads at once, and again after each such event, until there is an answer. */
  function until<T>(name: BusEventName, read: () => Promise<T | null | undefined | false>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const look = async () => {
        try {
          const now = await read();
          if (!now) return;
          stop();
          resolve(now);
        } catch (error) {
          stop();
          reject(error);
        }
      };
      const stop = bus.on(name, look, { owner: "test" });
      void look();
    });
  }

  const ask = async (hostId: HostId, op: string, more: Partial<RunRequest> = {}): Promise<StartResult> => {
    const host = { id: hostId, name: (await hosts.get(hostId))?.name ?? "nobody" };
    const asked = await runs.ask(ADA, { op, args: {}, whenBlocked: "refuse", force: false, ...more }, host);
    if (asked.kind === "unproven") throw new Error(`unproven: ${asked.problem.kind}`);
    return asked.result;
  };

  const whenRun = (runId: RunId, holds: (run: RunSummary) => boolean): Promise<RunSummary> =>
    until("run.changed", async () => {
      const run = await views.summary(runId);
      return run !== null && holds(run) && run;
    });

  const core = {
    store,
    bus,
    hosts,
    runs,
    links,
    views,
    fleet,
    logs,
    logged,
    port: bound,
    origin: `http://127.0.0.1:${bound}`,
    url: `ws://127.0.0.1:${bound}/agent/link`,

    until,
    ask,
    whenRun,
    whenEnded: (runId: RunId) => whenRun(runId, (run) => run.endedAt !== null),

    async addHost(name: string): Promise<{ id: HostId; name: string; token: string }> {
      const added = await hosts.add({ name, platform: "nixos" });
      if (!added.ok) throw new Error(added.code);
      return { id: added.id, name, token: added.token };
    },

    /** Many at once, in one transaction. */
    async addHosts(count: number): Promise<{ id: HostId; name: string; token: string }[]> {
      const added = Array.from({ length: count }, (_, number) => {
        const name = `host-${number}`;
        return { id: ids.host(), name, token: makeToken(name, randomBytes) };
      });
      await store.change(async ({ db: trx }) => {
        for (const { id, name, token } of added) {
          const added_at = clock.now();
          await trx.insertInto("hosts").values({ id, name, name_key: name, platform: "nixos", notes: "", added_at }).execute();
          await trx
            .insertInto("host_tokens")
            .values({ host_id: id, hash: hashToken(token), created_at: added_at })
            .execute();
        }
      });
      return added;
    },

    /** Starts a run that must not be refused. */
    async begin(hostId: HostId, op: string, more: Parameters<typeof ask>[2] = {}): Promise<RunId> {
      const asked = await ask(hostId, op, more);
      if (!asked.ok) throw new Error(`refused: ${asked.code}`);
      return asked.runId;
    },

    /** Every line of a log as text. */
    async text(runId: RunId): Promise<string> {
      let text = "";
      for await (const lines of logs.lines(runId)) {
        for (const line of lines) text += line.continues ? line.text : `${line.text}\n`;
      }
      return text;
    },

    /** Stops as SIGTERM does, in order. */
    async stop(): Promise<void> {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await parts.stop(closed);
    },

    /** As SIGKILL does, as near as one process can: nothing is said, nothing that waits is stored. */
    async kill(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await store.close();
      server.close();
      await parts.stop();
    },
  };
  return core;
}

/** Sources of the repository that simulated hosts follow, by branch, with targets that never move. */
function fixedSources(targets: Readonly<Record<string, { commit: string; subject: string }>>): Sources {
  const { repoUrl: url } = sampleSettings;
  const all = Object.entries(targets).map(([branch, target]): Source => {
    const id = sourceIdOf({ repoUrl: url, branch });
    const view = {
      state: "known",
      sourceId: id,
      repoUrl: url,
      branch,
      ...target,
      author: "Ada",
      committedAt: 0,
      fetchedAt: 0,
      lockHash: null,
      inputs: {},
      url: null,
      stale: false,
      problem: null,
      next: null,
    } as const satisfies SourceView;
    return {
      id,
      url,
      branch,
      flakeDir: "",
      start: async () => {},
      stop: async () => {},
      view: () => view,
      refresh: async () => view,
      standing: async () => ({ relation: { kind: "unknown" }, lackingSince: null }),
      commits: async () => ({ items: [], complete: false }),
      subject: async (commit) => ({ [target.commit]: target.subject, [OLDER_COMMIT]: `Older, on ${branch}` })[commit] ?? null,
      [Symbol.asyncDispose]: async () => {},
    };
  });
  const only = all.length === 1 ? (all[0] ?? null) : null;
  return {
    start: async () => {},
    stop: async () => {},
    list: () => all,
    of: (id) => (id === null ? only : (all.find((source) => source.id === id) ?? null)),
    only,
    [Symbol.asyncDispose]: async () => {},
  };
}

export type Core = Awaited<ReturnType<typeof openCore>>;

/** A core, hosts of these names (or so many), and a simulator that plays them; all of it ends with the scope. */
export async function openFleet(
  names: readonly string[] | number,
  {
    simulator = {},
    hosts = {},
    ...options
  }: Partial<CoreOptions> & {
    simulator?: Partial<FleetSimulatorOptions>;
    /** What all hosts have in common. */
    hosts?: Partial<FleetSimulatorOptions["hosts"][number]>;
  } = {},
) {
  const scope = new AsyncDisposableStack();
  const folder = scope.use(await createTempDir());
  const path = join(folder.path, "nixfleet.db");
  const core = await openCore({ path, ...options });
  scope.defer(() => core.stop());
  const added =
    typeof names === "number" ? await core.addHosts(names) : await Promise.all(names.map((name) => core.addHost(name)));
  const fleet: FleetSimulator = createFleetSimulator({
    url: core.url,
    hosts: added.map(({ name, token }) => ({ ...hosts, name, token })),
    backoff: { first: 50, longest: 500 },
    ...simulator,
  });
  scope.use(fleet);
  return { core, fleet, path, added, id: added[0]?.id as HostId, [Symbol.asyncDispose]: () => scope.disposeAsync() };
}
