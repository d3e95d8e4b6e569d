import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  type HostId,
  type HostRow,
  LIVE_PING_INTERVAL,
  type RunId,
  type RunState,
  type RunSummary,
  type RunView,
  type ServerInfo,
  type SourceId,
  type SourceView,
  ToBrowser,
} from "@nixfleet/protocol";
import { createFakeClock, createSocketPair, createTempDir } from "@nixfleet/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { FleetViews, Urgency } from "../fleet/index.ts";
import { createIds } from "../ids.ts";
import { createRunLogs } from "../runs/log.ts";
import { appendLines } from "../runs/log-append.ts";
import { newRow } from "../runs/records.ts";
import { queuedRun } from "../runs/run.fixture.ts";
import { openTestStore, quiet } from "../store/store.fixture.ts";
import { createLiveClient, HIGH_WATER } from "./client.ts";
import { createLive } from "./index.ts";
import { connectBrowser } from "./live.fixture.ts";
import { createTopic, DELTA_BURST, LATER_INTERVAL, type TopicSource } from "./topic.ts";

/** What a page does with what it is sent; it asks for nothing by itself, so that a gap shows. */
function createBrowser() {
  const pair = createSocketPair();
  const topics = new Map<string, { version: number; values: Map<string, unknown> }>();
  const seen = {
    snapshots: 0,
    deltas: 0,
    gaps: 0,
    gone: [] as string[],
    lines: [] as number[],
    logGaps: 0,
    last: 0,
    closed: null as number | null,
    most: 0,
  };
  pair.right.onClose((code) => {
    seen.closed = code;
  });
  pair.right.onMessage((text) => {
    const message = ToBrowser.parse(JSON.parse(text));
    switch (message.type) {
      case "snapshot":
        seen.snapshots += 1;
        topics.set(message.topic, { version: message.version, values: new Map(Object.entries(message.values)) });
        break;
      case "delta": {
        seen.deltas += 1;
        const state = topics.get(message.topic);
        if (state === undefined || message.version !== state.version + 1) {
          seen.gaps += 1;
          return;
        }
        for (const [key, value] of Object.entries(message.set)) state.values.set(key, value);
        for (const key of message.unset) state.values.delete(key);
        state.version = message.version;
        break;
      }
      case "log":
        for (const { n } of message.lines) {
          if (n !== (seen.lines.at(-1) ?? n - 1) + 1) seen.logGaps += 1;
          seen.lines.push(n);
        }
        seen.last = message.last;
        break;
      case "gone":
        seen.gone.push(message.topic);
        break;
      case "hello":
      case "ping":
      case "problem":
    }
  });
  return {
    ...pair,
    seen,
    values: (topic: string) => Object.fromEntries(topics.get(topic)?.values ?? []),
    say: (message: object) => {
      pair.right.send(JSON.stringify(message));
      pair.toLeft.flush();
    },
    take: (count?: number) => pair.toRight.flush(count),
    waits: () => pair.left.bufferedAmount,
  };
}

/** A topic over a plain map, in the hands of the test. */
function arrangeTopic() {
  const clock = createFakeClock();
  const truth = new Map<string, unknown>();
  let touch: Parameters<TopicSource["listen"]>[0] = () => {};
  const source: TopicSource = {
    all: async () => new Map(truth),
    some: async (keys) => new Map([...keys].map((key) => [key, truth.get(key)])),
    listen(listener) {
      touch = listener;
      return () => {};
    },
  };
  const topic = createTopic({ name: "fleet", source, clock, log: quiet });
  const connect = () => {
    const browser = createBrowser();
    createLiveClient({
      socket: browser.left,
      clock,
      log: quiet,
      hello: { version: "1" },
      acquire: () => topic,
      release: () => {},
      logs: { lines: async function* () {} },
      lastLine: async () => 0,
      onClosed: () => {},
    });
    return browser;
  };
  const set = (key: string, value: unknown, urgency: Urgency = "soon") => {
    if (value === undefined) truth.delete(key);
    else truth.set(key, value);
    touch(key, urgency);
  };
  return { clock, truth, connect, set };
}

const step = fc.oneof(
  fc.record({
    do: fc.constant("set" as const),
    key: fc.constantFrom("a", "b", "c", "d"),
    value: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 2 }),
    urgency: fc.constantFrom<Urgency>("soon", "later"),
  }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(0, 1, 60, 150) }),
  fc.record({ do: fc.constant("take" as const), who: fc.nat(2), count: fc.constantFrom(1, 2, 100) }),
  fc.record({ do: fc.constant("subscribe" as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant("unsubscribe" as const), who: fc.nat(2) }),
  fc.record({ do: fc.constant("clog" as const), key: fc.constantFrom("a", "b") }),
);

test("T3: snapshot and deltas give every browser the server's state, however they are coalesced, delayed or dropped for slowness", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, truth, connect, set } = arrangeTopic();
      const browsers = [connect(), connect(), connect()] as const;
      const following = new Set([0, 1]);
      const at = (who: number) => browsers[who] as (typeof browsers)[0];
      for (const who of following) at(who).say({ type: "subscribe", topic: "fleet" });
      for (const action of steps) {
        if (action.do === "set") set(action.key, action.value, action.urgency);
        else if (action.do === "clog") set(action.key, "x".repeat(HIGH_WATER));
        else if (action.do === "pass") await clock.advanceAsync(action.ms);
        else if (action.do === "take") at(action.who).take(action.count);
        else {
          at(action.who).say({ type: action.do, topic: "fleet" });
          if (action.do === "subscribe") following.add(action.who);
          else following.delete(action.who);
        }
      }
      for (const [who, browser] of browsers.entries())
        if (!following.has(who)) browser.say({ type: "subscribe", topic: "fleet" });
      for (let turn = 0; turn < 6; turn++) {
        await clock.advanceAsync(200);
        for (const browser of browsers) browser.take();
      }

      for (const browser of browsers) {
        expect(browser.values("fleet")).toEqual(Object.fromEntries(truth));
        expect(browser.seen.gaps).toBe(0);
      }
    }),
    { numRuns: 250 },
  );
});

test("T6: over time at most ten deltas a second, the first ones at once, each with all that came before it", async () => {
  const { clock, connect, set } = arrangeTopic();
  const browser = connect();
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(1000);
  browser.take();

  for (let ms = 0; ms < 4990; ms++) {
    set("a", ms);
    set("b", ms);
    await clock.advanceAsync(1);
    browser.take();
    if (ms === 20) expect(browser.values("fleet")).toMatchObject({ a: expect.any(Number) });
  }
  expect(browser.seen.deltas).toBeLessThanOrEqual(50 + DELTA_BURST);
  await clock.advanceAsync(100);
  browser.take();
  expect(browser.values("fleet")).toEqual({ a: 4989, b: 4989 });
});

test("T6: a state does not wait for measurements, which go along with it or once a second", async () => {
  const { clock, connect, set } = arrangeTopic();
  const browser = connect();
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(0);
  for (let ms = 0; ms < 10 * LATER_INTERVAL; ms += 50) {
    set("load", ms, "later");
    await clock.advanceAsync(50);
  }
  browser.take();
  expect(browser.seen.deltas).toBeLessThanOrEqual(11);

  await clock.advanceAsync(LATER_INTERVAL);
  browser.take();
  const before = browser.seen.deltas;
  set("load", "high", "later");
  for (const state of ["starting", "fetch", "build", "succeeded"]) {
    set("run", state);
    await clock.advanceAsync(20);
    browser.take();
    expect(browser.values("fleet")).toEqual({ load: "high", run: state });
  }
  expect(browser.seen.deltas - before).toBe(4);
});

test("T7: R39: a stalled browser costs bounded memory, disturbs no other, and gets one fresh snapshot when it takes messages again", async () => {
  const { clock, truth, connect, set } = arrangeTopic();
  for (let i = 0; i < 300; i++) truth.set(`host:${i}`, { i, text: "x".repeat(1000) });
  const [stalled, quick] = [connect(), connect()];
  for (const browser of [stalled, quick]) browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(0);
  for (const browser of [stalled, quick]) browser.take();
  const snapshot = 300 * 1100;

  let most = 0;
  for (let turn = 0; turn < 200; turn++) {
    for (let i = 0; i < 50; i++) set(`host:${(turn * 50 + i) % 300}`, { i, turn, text: "y".repeat(1000) });
    await clock.advanceAsync(100);
    quick.take();
    most = Math.max(most, stalled.waits());
  }
  expect(quick.seen).toMatchObject({ snapshots: 1, gaps: 0 });
  expect(quick.seen.deltas).toBeGreaterThan(100);
  expect(most).toBeLessThan(HIGH_WATER + snapshot);

  stalled.take();
  await clock.advanceAsync(200);
  stalled.take();
  expect(stalled.seen).toMatchObject({ snapshots: 2, gaps: 0 });
  expect(stalled.values("fleet")).toEqual(Object.fromEntries(truth));

  set("host:0", "after");
  await clock.advanceAsync(200);
  stalled.take();
  expect(stalled.seen).toMatchObject({ snapshots: 2, gaps: 0 });
  expect(stalled.values("fleet")["host:0"]).toBe("after");
});

test("T7: R39: a browser that was too slow for a delta gets none before its fresh snapshot", async () => {
  const { clock, connect, set } = arrangeTopic();
  const browser = connect();
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(0);
  browser.take();
  for (const key of ["a", "b"]) {
    set(key, "x".repeat(HIGH_WATER));
    await clock.advanceAsync(130);
  }
  browser.take();

  set("c", 1);
  await clock.advanceAsync(1);
  browser.take();
  expect(browser.seen).toMatchObject({ gaps: 0, snapshots: 1 });

  await clock.advanceAsync(300);
  browser.take();
  expect(browser.seen).toMatchObject({ gaps: 0, snapshots: 2 });
  expect(browser.values("fleet")).toMatchObject({ c: 1 });
});

test("T7: R39: a browser that takes nothing for minutes is let go", async () => {
  const { clock, connect, set } = arrangeTopic();
  const browser = connect();
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(0);
  for (let i = 0; i < 5; i++) {
    set("a", `${i}${"x".repeat(HIGH_WATER)}`);
    await clock.advanceAsync(100);
  }
  expect(browser.left.bufferedAmount).toBeGreaterThan(HIGH_WATER);
  await clock.advanceAsync(130_000);
  browser.toRight.queue.length = 0;
  browser.toRight.flush();
  expect(browser.seen.closed).toBe(1006);
});

const SOURCE = "0123456789abcdef" as SourceId;
const OTHER_SOURCE = "fedcba9876543210" as SourceId;

async function arrange() {
  const scope = new AsyncDisposableStack();
  const dir = scope.use(await createTempDir());
  const clock = createFakeClock();
  const { store, bus, publish } = await openTestStore({ path: join(dir.path, "nixfleet.db"), clock });
  scope.use(store);
  const ids = createIds({ now: clock.now, randomBytes });
  const rows = new Map<HostId, HostRow>();
  const listeners = new Set<Parameters<FleetViews["onChange"]>[0]>();
  const viewOf = (sourceId: SourceId, problem: string | null = null): SourceView => ({
    state: "never-read",
    sourceId,
    repoUrl: "https://git.example.org/me/cfg",
    branch: "main",
    problem,
    next: null,
  });
  const views = new Map([SOURCE, OTHER_SOURCE].map((id) => [id, viewOf(id)]));
  const sourceOf = (id: SourceId | null) => (id !== null && views.has(id) ? { view: () => views.get(id) } : null);
  const watched: string[] = [];
  const told = { changes: "No preview was made yet.", generation: 1, read: 0 };
  const summary = async (id: RunId) => {
    const row = await store.db.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
    return row === undefined ? null : ({ id, hostId: row.host_id, state: row.state } as RunSummary);
  };
  const live = scope.use(
    createLive({
      store,
      bus,
      clock,
      log: quiet,
      version: "1",
      views: {
        rows: async () => [...rows.values()],
        peek: (id) => rows.get(id) ?? null,
        view: async (id) => {
          const row = rows.get(id);
          return row === undefined ? null : ({ row } as never);
        },
        changes: async (id) => {
          told.read += 1;
          return rows.has(id) ? ({ sentence: told.changes } as never) : null;
        },
        generations: async (id) => (rows.has(id) ? ([{ number: told.generation }] as never) : null),
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      runs: {
        summary,
        summaries: async (wanted) => {
          const found = new Map<RunId, RunSummary>();
          for (const id of wanted) {
            const one = await summary(id);
            if (one !== null) found.set(id, one);
          }
          return found;
        },
        view: async (id) => {
          const found = await summary(id);
          return found === null ? null : ({ summary: found } as RunView);
        },
      },
      sources: { list: () => [...views.keys()].map((id) => ({ id, ...sourceOf(id) })), of: sourceOf } as never,
      links: {
        watch(id) {
          watched.push(`on ${id}`);
          return () => void watched.push(`off ${id}`);
        },
      },
      audit: { list: async () => ({ items: [] }) },
      server: () => ({ version: "1" }) as ServerInfo,
      logs: createRunLogs(store),
    }),
  );
  live.start();
  const connect = (sessionId = "s1") => {
    const browser = createBrowser();
    live.accept(browser.left, { sessionId });
    return browser;
  };
  const place = (id: HostId, name: string | null) => {
    if (name === null) rows.delete(id);
    else rows.set(id, { id, name, sourceId: SOURCE } as HostRow);
    for (const listener of listeners) listener(id, "soon");
  };
  const setSource = (id: SourceId, problem: string) => {
    views.set(id, viewOf(id, problem));
    bus.emit("source.changed", { sourceId: id });
  };
  const addRun = async () => {
    const [hostId, runId] = [ids.host(), ids.run()];
    await store.change(async ({ db: trx }) => {
      await trx
        .insertInto("hosts")
        .values({ id: hostId, name: hostId, name_key: hostId, platform: "nixos", notes: "", added_at: 0 })
        .execute();
      const made = queuedRun({ id: runId, hostId, request: { op: "pull", args: {} }, commit: null });
      await trx
        .insertInto("runs")
        .values(newRow(made, { number: 1, subject: null }))
        .execute();
    });
    return { hostId, runId };
  };
  let lines = 0;
  const logLines = async (runId: RunId, count: number, text = "x".repeat(200)) => {
    const more = Array.from({ length: count }, () => ({ at: 1, stream: "nix" as const, text }));
    const limits = { runBytes: 1e12, hostBytes: 1e12 };
    await store.change((change) =>
      appendLines(change, { runId, hostId: null, endedAt: null }, more, { now: clock.now(), limits }),
    );
    lines += count;
    publish("run.logged", { runId, lastLine: lines });
  };
  /** Lets time pass until what was begun is done; real reading of the database takes turns of its own. */
  const pass = async (until: () => boolean) => {
    for (let turn = 0; turn < 2000 && !until(); turn++) await clock.advanceAsync(50);
    expect(until()).toBe(true);
  };
  return { scope, clock, bus, publish, store, ids, live, connect, place, setSource, addRun, logLines, pass, watched, told };
}

test("T3: R25: a host that is added, renamed or removed, and a source that changes, arrive as deltas", async () => {
  const { scope, ids, connect, place, setSource, pass } = await arrange();
  await using _ = scope;
  const browser = connect();
  const take = (until: () => boolean) =>
    pass(() => {
      browser.take();
      return until();
    });
  browser.say({ type: "subscribe", topic: "fleet" });
  await take(() => browser.seen.snapshots === 1);
  const id = ids.host();

  place(id, "csb1");
  await take(() => browser.seen.deltas === 1);
  expect(browser.values("fleet")[`host:${id}`]).toEqual({ id, name: "csb1", sourceId: SOURCE });

  place(id, "csb2");
  await take(() => browser.seen.deltas === 2);
  expect(browser.values("fleet")[`host:${id}`]).toEqual({ id, name: "csb2", sourceId: SOURCE });

  setSource(OTHER_SOURCE, "It cannot be read.");
  await take(() => browser.seen.deltas === 3);
  expect(browser.values("fleet")).toMatchObject({
    [`source:${SOURCE}`]: { sourceId: SOURCE, problem: null },
    [`source:${OTHER_SOURCE}`]: { sourceId: OTHER_SOURCE, problem: "It cannot be read." },
  });

  place(id, null);
  await take(() => browser.seen.deltas === 4);
  expect(browser.values("fleet")).toEqual({
    [`source:${SOURCE}`]: expect.anything(),
    [`source:${OTHER_SOURCE}`]: expect.anything(),
    server: { version: "1" },
  });
  expect(browser.seen).toMatchObject({ snapshots: 1, gaps: 0 });
});

test("runs of a removed host leave the fleet with their end, and whoever looks at one goes on seeing it", async () => {
  const { scope, store, connect, addRun, pass } = await arrange();
  await using _ = scope;
  const { hostId, runId } = await addRun();
  const browser = connect();
  browser.say({ type: "subscribe", topic: "fleet" });
  browser.say({ type: "subscribe", topic: `run:${runId}` });
  await pass(() => {
    browser.take();
    return browser.seen.snapshots === 2;
  });
  expect(browser.values("fleet")).toHaveProperty(`run:${runId}`);

  await store.change(async (change) => {
    await change.db.deleteFrom("hosts").where("id", "=", hostId).execute();
    await change.db.updateTable("runs").set({ state: "cancelled", ended_at: 1 }).where("id", "=", runId).execute();
    change.emit("run.changed", { runId, hostId });
    change.emit("host.removed", { hostId });
  });

  await pass(() => {
    browser.take();
    const { run } = browser.values(`run:${runId}`) as { run: RunView };
    return !(`run:${runId}` in browser.values("fleet")) && run.summary.state === "cancelled";
  });
  expect(browser.seen.gone).toEqual([]);
});

test("a run is read again when a host is removed: what it offers depends on its host", async () => {
  const { scope, store, connect, addRun, pass } = await arrange();
  await using _ = scope;
  const { hostId, runId } = await addRun();
  const browser = connect();
  browser.say({ type: "subscribe", topic: `run:${runId}` });
  const state = () => {
    browser.take();
    return (browser.values(`run:${runId}`) as { run?: RunView }).run?.summary.state;
  };
  await pass(() => state() === "queued");
  await store.change(async (change) => {
    await change.db.updateTable("runs").set({ state: "cancelled", ended_at: 1 }).where("id", "=", runId).execute();
    change.emit("host.removed", { hostId });
  });
  await pass(() => state() === "cancelled");
  expect(browser.seen).toMatchObject({ snapshots: 1, gone: [] });
});

test("T8: R39: a log that a stalled browser follows is sent as it takes it: every line once, in order, with bounded memory", async () => {
  const { scope, connect, addRun, logLines, pass } = await arrange();
  await using _ = scope;
  const { runId } = await addRun();
  await logLines(runId, 20_000);
  const browser = connect();
  browser.say({ type: "subscribe", topic: `run:${runId}`, fromLine: 1 });

  let most = 0;
  await pass(() => {
    most = Math.max(most, browser.waits());
    return browser.waits() > 64 * 1024;
  });
  for (let i = 0; i < 10; i++) {
    await logLines(runId, 1000);
    most = Math.max(most, browser.waits());
  }
  expect(most).toBeLessThan(HIGH_WATER);

  await pass(() => {
    most = Math.max(most, browser.waits());
    browser.take(1);
    return browser.seen.lines.length === 30_000;
  });
  expect(most).toBeLessThan(HIGH_WATER);
  expect(browser.seen).toMatchObject({ logGaps: 0, last: 30_000 });
  expect([browser.seen.lines[0], browser.seen.lines.at(-1)]).toEqual([1, 30_000]);

  await logLines(runId, 1);
  await pass(() => {
    browser.take();
    return browser.seen.lines.at(-1) === 30_001;
  });
  expect(browser.seen.logGaps).toBe(0);
});

test("T8: a log is given from the line that is asked for, and its length is told though there is no line yet", async () => {
  const { scope, connect, addRun, logLines, pass } = await arrange();
  await using _ = scope;
  const { runId } = await addRun();
  await logLines(runId, 100);
  const browser = connect();
  browser.say({ type: "subscribe", topic: `run:${runId}`, fromLine: 98 });
  await pass(() => {
    browser.take();
    return browser.seen.lines.length === 3;
  });
  expect(browser.seen.lines).toEqual([98, 99, 100]);

  const other = connect();
  other.say({ type: "subscribe", topic: `run:${runId}`, fromLine: 101 });
  await pass(() => {
    other.take();
    return other.seen.last === 100;
  });
  expect(other.seen.lines).toEqual([]);
});

test("T10: a session that ends closes its sockets with 4001, and no others", async () => {
  const { scope, publish, live, connect } = await arrange();
  await using _ = scope;
  const [mine, other] = [connect("mine"), connect("other")];

  publish("session.ended", { sessionId: "mine" });

  for (const browser of [mine, other]) browser.take();
  expect([mine.seen.closed, other.seen.closed]).toEqual([4001, null]);
  expect(live.connected).toBe(1);
});

test("a host is watched while somebody follows it: the first one begins it, the last one ends it", async () => {
  const { scope, ids, live, connect, place, watched, pass } = await arrange();
  await using _ = scope;
  const id = ids.host();
  place(id, "csb1");
  const [one, two] = [connect(), connect()];

  one.say({ type: "subscribe", topic: `host:${id}` });
  two.say({ type: "subscribe", topic: `host:${id}` });
  await pass(() => {
    one.take();
    return one.seen.snapshots === 1;
  });
  expect(watched).toEqual([`on ${id}`]);

  one.say({ type: "unsubscribe", topic: `host:${id}` });
  expect(watched).toEqual([`on ${id}`]);
  two.cut();
  expect(watched).toEqual([`on ${id}`, `off ${id}`]);
  expect(live.topics).toBe(0);
});

test("R25: what a preview showed and the generations of a host change live with its facts and its runs, and not with each step of a run", async () => {
  const { scope, publish, store, connect, place, setSource, addRun, pass, told } = await arrange();
  await using _ = scope;
  const { hostId, runId } = await addRun();
  place(hostId, "csb1");
  const browser = connect();
  const topic = `host:${hostId}`;
  const take = (until: () => boolean) =>
    pass(() => {
      browser.take();
      return until();
    });
  browser.say({ type: "subscribe", topic });
  await take(() => browser.seen.snapshots === 1);
  expect(browser.values(topic)).toMatchObject({
    changes: { sentence: "No preview was made yet." },
    generations: [{ number: 1 }],
  });

  told.generation = 2;
  publish("host.changed", { hostId });
  await take(() => JSON.stringify(browser.values(topic)["generations"]) === '[{"number":2}]');

  const change = (state: RunState) =>
    store.change(({ db: trx }) => trx.updateTable("runs").set({ state }).where("id", "=", runId).execute());
  await change("running");
  publish("run.changed", { runId, hostId });
  await take(() => told.read === 3);
  // The run goes on: the two pages are not read for it.
  publish("run.changed", { runId, hostId });
  place(hostId, "csb2");
  await take(() => JSON.stringify(browser.values(topic)["host"]).includes("csb2"));
  // Nor for a source that the host does not track.
  setSource(OTHER_SOURCE, "It cannot be read.");
  place(hostId, "csb3");
  await take(() => JSON.stringify(browser.values(topic)["host"]).includes("csb3"));
  expect(told.read).toBe(3);
  setSource(SOURCE, "It cannot be read.");
  await take(() => told.read === 4);

  told.changes = "A switch changes 1 package.";
  await change("succeeded");
  publish("run.changed", { runId, hostId });
  await take(() => JSON.stringify(browser.values(topic)["changes"]).includes("1 package"));
});

test("T9: a host or run that does not exist is gone at once, and leaves nothing behind", async () => {
  const { scope, ids, live, connect, pass } = await arrange();
  await using _ = scope;
  const browser = connect();
  browser.say({ type: "subscribe", topic: `host:${ids.host()}` });
  browser.say({ type: "subscribe", topic: `run:${ids.run()}`, fromLine: 1 });
  await pass(() => {
    browser.take();
    return browser.seen.gone.length === 2;
  });
  expect(live.topics).toBe(0);
});

test.each([
  "{",
  '{"type":"subscribe","topic":"../etc"}',
  '{"type":"start"}',
  JSON.stringify({ type: "subscribe", topic: `run:${"x".repeat(9000)}` }),
])("T10: R38: a malformed message closes its own socket only: %#", async (text) => {
  const { scope, live, connect } = await arrange();
  await using _ = scope;
  const [hostile, other] = [connect(), connect()];

  hostile.right.send(text);
  hostile.flushAll();

  expect(hostile.seen.closed).toBe(1008);
  expect(other.seen.closed).toBeNull();
  expect(live.connected).toBe(1);
});

test("T10: the fifty-first socket of one session is closed with 1013; another session is let in", async () => {
  const { scope, connect, live } = await arrange();
  await using _ = scope;
  for (let count = 0; count < 50; count++) connect("busy");
  const [tooMany, other] = [connect("busy"), connect("other")];
  for (const browser of [tooMany, other]) browser.take();
  expect([tooMany.seen.closed, other.seen.closed, live.connected]).toEqual([1013, null, 51]);
});

test("T10: R48: stopping tells every browser to come back", async () => {
  const { scope, live, connect } = await arrange();
  await using _ = scope;
  const browser = connect();
  await live.stop();
  browser.take();
  expect(browser.seen.closed).toBe(1012);
  expect(live.topics).toBe(0);
});

test("T12: a browser that answers is kept, whatever its clock; one that says nothing between three pings is let go", () => {
  const clock = createFakeClock();
  const { say, take, closed } = connectBrowser(() => {
    throw new Error("It follows nothing");
  }, clock);
  take();
  for (let round = 0; round < 5; round++) {
    clock.advance(LIVE_PING_INTERVAL);
    expect(take()).toEqual([{ type: "ping" }]);
    say({ type: "pong" });
  }
  clock.advance(2 * LIVE_PING_INTERVAL);
  expect(take()).toEqual([{ type: "ping" }, { type: "ping" }]);
  expect(closed()).toBeNull();
  clock.advance(LIVE_PING_INTERVAL);
  take();
  expect(closed()).not.toBeNull();
});
