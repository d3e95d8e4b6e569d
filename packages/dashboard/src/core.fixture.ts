import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { HostId, RunId, RunSummary } from "@nixfleet/protocol";
import { type Clock, systemClock } from "@nixfleet/runtime";
import { createFleetSimulator, createTempDir, type FleetSimulator, type FleetSimulatorOptions } from "@nixfleet/testkit";
import { Hono } from "hono";
import { type BusEventName, createBus } from "./bus.ts";
import { hashToken, makeToken } from "./hosts/host-token.ts";
import { createHosts } from "./hosts/index.ts";
import { serveConfirm } from "./http/confirm.ts";
import { createIds } from "./ids.ts";
import { createAgentLinks, createAgentUpgrade, createLinkTable, type Link } from "./links/index.ts";
import type { Logger } from "./logger.ts";
import { createRunLogs, createRuns, createRunViews, type RunsDeps, type TargetCommit } from "./runs/index.ts";
import { createSharedWrites, openStore } from "./store/index.ts";

export const COMMIT = "7f3a91c".padEnd(40, "0");

export interface CoreOptions {
  /** Of the database; the caller removes it. */
  path: string;
  port?: number;
  target?: TargetCommit | null;
  deadlines?: RunsDeps["deadlines"];
  clock?: Clock;
  onLimit?: (limitPages: (pages: number) => void) => void;
}

/** Store, bus, hosts, runs and links on a real port and a real database: a dashboard without people and pages. */
export async function openCore({ path, port = 0, deadlines = {}, clock = systemClock, ...options }: CoreOptions) {
  const logged: { facts: unknown; text: string }[] = [];
  const write = (facts: unknown, text?: string) => void logged.push({ facts, text: text ?? "" });
  const log = { debug: () => {}, info: () => {}, warn: write, error: write } as unknown as Logger;
  const bus = createBus({ log });
  const { onLimit } = options;
  const store = await openStore({ path, clock, bus, log, ...(onLimit === undefined ? {} : { onLimit }) });
  const ids = createIds({ now: () => clock.now(), randomBytes });
  const writes = createSharedWrites({ store, bus, clock, log });
  const hosts = createHosts({ store, bus, clock, ids, randomBytes });
  const table = createLinkTable<Link>();
  const target = options.target === undefined ? { commit: COMMIT, subject: "Update inputs" } : options.target;
  const runs = createRuns({ store, writes, bus, clock, log, ids, randomBytes, links: table, target: () => target, deadlines });
  const links = createAgentLinks({ store, writes, bus, clock, log, runs, table, random: Math.random });
  const views = createRunViews({ store, clock });
  const logs = createRunLogs(store);
  await runs.start();
  links.start();
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

  const ask = (hostId: HostId, op: string, more: { args?: object; whenBlocked?: "queue" | "refuse"; force?: boolean } = {}) =>
    runs.ask({ hostId, op, args: {}, by: "ada", whenBlocked: "refuse", force: false, ...more });

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
    logs,
    logged,
    writes,
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
      await store.write(async (trx) => {
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
      for await (const part of logs.text(runId)) text += part;
      return text;
    },

    /** Stops as SIGTERM does, in order. */
    async stop(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      await links.stop();
      await closed;
      await runs.stop();
      await writes.close();
      await store.close();
    },

    /** As SIGKILL does, as near as one process can: nothing is said, nothing that waits is stored. */
    async kill(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await store.close();
      server.close();
      await runs.stop();
      await links.stop();
    },
  };
  return core;
}

export type Core = Awaited<ReturnType<typeof openCore>>;

/** A core, hosts of these names (or so many), and a simulator that plays them; all of it ends with the scope. */
export async function openFleet(
  names: readonly string[] | number,
  { simulator = {}, ...options }: Partial<CoreOptions> & { simulator?: Partial<FleetSimulatorOptions> } = {},
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
    hosts: added.map(({ name, token }) => ({ name, token })),
    backoff: { first: 50, longest: 500 },
    ...simulator,
  });
  scope.use(fleet);
  return { core, fleet, path, added, id: added[0]?.id as HostId, [Symbol.asyncDispose]: () => scope.disposeAsync() };
}
