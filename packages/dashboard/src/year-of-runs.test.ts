import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LIVE_PATH, LIVE_SUBPROTOCOL, RunSummary, ToBrowser } from "@nixfleet/protocol";
import { systemClock } from "@nixfleet/runtime";
import { createFleetSimulator, createHealthyHost, createTempDir } from "@nixfleet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { openCore } from "./core.fixture.ts";
import { openDashboard, type Parts, type Person } from "./dashboard.fixture.ts";
import { findUnindexed } from "./query-plans.fixture.ts";
import { createHistoryKeeper } from "./runs/history-keeper.ts";
import { createStatementLog, type StatementCost } from "./statement-log.fixture.ts";
import { openTestStore, quiet } from "./store/store.fixture.ts";
import { createYearDatabase } from "./year-database.fixture.ts";
import type { YearSize } from "./year-of-runs.fixture.ts";

const DAY = 24 * 60 * 60_000;
const HOST = "host-0001";
const now = Date.now();
/** Of the table that has most. */
const INDEXES = 20;
const few: YearSize = { hosts: 3, runsPerHost: 100, plainLogs: 2, metrics: true, now };
const many: YearSize = { ...few, runsPerHost: 5000 };

/** Starts a dashboard on a year, asks it for everything that a page shows and a program reads, and lets a host do a run. */
async function walk(size: YearSize): Promise<ReadonlyMap<string, StatementCost>> {
  const statements = createStatementLog();
  let token = "";
  await using open = await openDashboard(
    {},
    {
      aroundStatement: statements.around,
      prepareData: async (path) => {
        token = (await createYearDatabase(path, size)).find(({ name }) => name === HOST)?.token ?? "";
      },
    },
  );
  const ada = await open.ada();
  const get = async (name: Parameters<Person["call"]>[0], parts: Parts = {}) => {
    const response = await ada.call(name, parts);
    expect({ name, parts, status: response.status }).toMatchObject({ status: 200 });
    return (await response.json()) as { items: { id: string }[]; next: string | null };
  };
  const params = { host: HOST };

  await get("hosts");
  for (const page of ["host", "hostChanges", "hostGenerations", "hostMetrics"] as const) await get(page, { params });
  const ops = [undefined, "pull", "reboot"];
  const states = [undefined, "succeeded", "timed-out"];
  for (const host of [undefined, HOST]) {
    for (const op of ops) {
      for (const state of states) {
        const query = String(
          new URLSearchParams({ limit: "20", ...(host && { host }), ...(op && { op }), ...(state && { state }) }),
        );
        const { next } = await get("runs", { query: `?${query}` });
        if (next !== null) await get("runs", { query: `?${query}&cursor=${next}` });
      }
    }
  }
  const { items } = await get("hostRuns", { params, query: "?limit=50" });
  const run = items[0]?.id ?? "";
  for (const page of ["run", "runLog", "logOutline"] as const) await get(page, { params: { run } });
  await get("searchLog", { params: { run }, query: "?q=package" });
  for (const who of [undefined, "ada", "nobody"]) {
    for (const action of [undefined, "run.start", "run", "host.remove"]) {
      for (const host of [undefined, HOST]) {
        const query = String(
          new URLSearchParams({ limit: "20", ...(host && { host }), ...(who && { who }), ...(action && { action }) }),
        );
        const { next } = await get("audit", { query: `?${query}` });
        if (next !== null) await get("audit", { query: `?${query}&cursor=${next}` });
      }
    }
  }

  await using fleet = createFleetSimulator({
    url: open.link,
    hosts: [{ name: HOST, token }],
    behaviour: createHealthyHost({ pace: 0 }),
  });
  fleet.start();
  await fleet.whenConnected();
  const { id: hostId } = ((await get("host", { params })) as unknown as { row: { id: string } }).row;
  const topics = ["fleet", "activity", `host:${hostId}`, `run:${run}`];
  await readTopics(open.origin, ada, topics);
  for (const op of ["refresh", "preview", "switch", "test"] as const) {
    const response = await ada.call("startRun", { params, body: { op, args: ARGS[op], whenBlocked: "queue" } });
    const started = RunSummary.parse(await response.json());
    await readTopics(open.origin, ada, topics);
    for (let ended = false; !ended; ) {
      const { summary } = (await get("run", { params: { run: started.id } })) as unknown as {
        summary: { endedAt: number | null };
      };
      ended = summary.endedAt !== null;
    }
  }
  return statements.costs;
}

const ARGS = { refresh: {}, test: {}, preview: { commit: "a".repeat(40) }, switch: { mode: "switch", commit: "a".repeat(40) } };

/** Follows topics until there is a snapshot of each. */
async function readTopics(origin: string, { cookie }: Person, topics: readonly string[]): Promise<void> {
  const socket = new WebSocket(`${origin.replace("http", "ws")}${LIVE_PATH}`, LIVE_SUBPROTOCOL, {
    headers: { Cookie: cookie, Origin: origin },
  });
  await new Promise<void>((resolve, reject) => {
    const missing = new Set(topics);
    socket.on("error", reject);
    socket.on("open", () => {
      for (const topic of topics) socket.send(JSON.stringify({ type: "subscribe", topic }));
    });
    socket.on("message", (data: Buffer) => {
      const message = ToBrowser.parse(JSON.parse(data.toString()));
      if (message.type === "gone") reject(new Error(`${message.topic} is gone`));
      if (message.type === "snapshot") missing.delete(message.topic);
      if (missing.size === 0) resolve();
    });
  });
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.close();
  await closed;
}

/** Packs what waits, and removes what is older than all but a few days. */
async function keep(size: YearSize): Promise<ReadonlyMap<string, StatementCost>> {
  const statements = createStatementLog();
  await using folder = await createTempDir();
  const path = join(folder.path, "nixfleet.db");
  await createYearDatabase(path, size);
  const { store, bus } = await openTestStore({ path, aroundStatement: statements.around });
  await using _ = store;
  // As many runs as the smaller year has are beyond each limit in both.
  const oldest = await store.db.selectFrom("runs").select("ended_at").orderBy("id").offset(60).limit(1).executeTakeFirst();
  statements.clear();
  const age = now - (oldest?.ended_at ?? 0);
  const limits = { logAge: age - DAY / 100, logBytes: 1e12, hostLogBytes: 1e12, runAge: age, runsPerHost: size.runsPerHost - 30 };
  await using keeper = createHistoryKeeper({ store, bus, clock: systemClock, log: quiet, limits });
  await keeper.pack();
  await keeper.retain();
  const costs = new Map(statements.costs);
  const pruned = await store.db.selectFrom("runs").select("id").where("pruned_at", "is not", null).execute();
  expect(pruned.length).toBeGreaterThan(50);
  return costs;
}

let small: ReadonlyMap<string, StatementCost>;
let large: ReadonlyMap<string, StatementCost>;
let explained: Awaited<ReturnType<typeof createTempDir>>;
beforeAll(async () => {
  small = new Map([...(await walk(few)), ...(await keep(few))]);
  large = new Map([...(await walk(many)), ...(await keep(many))]);
  explained = await createTempDir();
  await createYearDatabase(join(explained.path, "nixfleet.db"), { ...few, runsPerHost: 1000 });
});
afterAll(async () => {
  await explained?.[Symbol.asyncDispose]();
});

test("R69: whatever pages, lists, live topics, a host at work, packing and retention read is found by an index", () => {
  const path = join(explained.path, "nixfleet.db");
  const statements = new Set([...small.keys(), ...large.keys()]);
  expect(findUnindexed(path, statements)).toEqual([]);
  const database = new DatabaseSync(path);
  database.exec("analyze");
  database.close();
  expect(findUnindexed(path, statements)).toEqual([]);
});

test("R69: no statement reads more of 5,000 runs of a host than of 100, be it of a page, an event, a deadline or retention", () => {
  const grown = [...large].flatMap(([sql, { rows, pages }]) => {
    const before = small.get(sql);
    if (before === undefined) return [];
    // Each row may be on a page of its own, and so may its entry in each index that is written.
    const most = 2 * before.pages + 3 * rows + (sql.startsWith("select") ? 12 : 3 * INDEXES);
    return pages <= most ? [] : [{ sql, rows, pages, before }];
  });
  expect(grown).toEqual([]);
});

test("R69: the start reads the hosts, their runs at work and their history with as many statements for 300 hosts as for 10", async () => {
  const started = async (hosts: number) => {
    await using folder = await createTempDir();
    const path = join(folder.path, "nixfleet.db");
    await createYearDatabase(path, { hosts, runsPerHost: 10, now });
    const statements = createStatementLog();
    const core = await openCore({ path, aroundStatement: statements.around });
    const { costs } = statements;
    const read = [...costs].filter(([sql]) => !RETENTION.test(sql));
    await core.stop();
    return read.reduce((sum, [, { times }]) => sum + times, 0);
  };
  expect(await started(300)).toBe(await started(10));
});

/** Retention begins at the start too, and goes from host to host while others have their turn. */
const RETENTION = /"pruned_at" is null|"run_logs"|"log_usage"|^select "id" from "hosts"$/;
