import type { HostId, NumberedLine, RunId, RunSummary } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createBus } from "../bus.ts";
import { quiet } from "../store/store.fixture.ts";
import { HIGH_WATER } from "./client.ts";
import { arrangeSource, connectBrowser } from "./live.fixture.ts";
import { createTopic, DELTA_INTERVAL, LATER_INTERVAL, RETRY_INTERVAL } from "./topic.ts";
import { type SourceDeps, sourceOf } from "./topic-sources.ts";

const RUN = "01j00000000000000000000001" as RunId;
const HOST = "01j00000000000000000000000" as HostId;

test("T2: a log that grows before its topic was read for the first time brings no snapshot of nothing", async () => {
  const { topic, clock, failNext } = arrangeSource({ name: `run:${RUN}` });
  failNext();
  const browser = connectBrowser(() => topic, clock);
  browser.take();
  browser.say({ type: "subscribe", topic: `run:${RUN}`, fromLine: 1 });
  await clock.advanceAsync(500);
  browser.client.onLogGrown(RUN);
  await clock.advanceAsync(0);
  expect(topic.snapshot()).toBeNull();
  expect(browser.take()).toEqual([]);

  await clock.advanceAsync(1000);
  const [first, second] = browser.take();
  expect(first).toEqual({ type: "snapshot", topic: `run:${RUN}`, version: 1, values: { a: 1 } });
  expect(second).toMatchObject({ type: "log", lines: [], last: 0 });
});

test("T2: a browser that has drained is given no topic that was not read yet", async () => {
  const { topic: fleet, clock, set } = arrangeSource();
  const held = Promise.withResolvers<void>();
  const { topic: activity } = arrangeSource({ name: "activity", clock, heldUntil: held.promise });
  const browser = connectBrowser((name) => (name === "fleet" ? fleet : activity), clock);
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(0);
  browser.take();
  for (const key of ["a", "b"]) {
    set(key, "x".repeat(HIGH_WATER));
    await clock.advanceAsync(130);
  }
  browser.say({ type: "subscribe", topic: "activity" });
  browser.take();
  await clock.advanceAsync(300);
  expect(browser.take().map((message) => "topic" in message && message.topic)).toEqual(["fleet"]);
  held.resolve();
  await clock.advanceAsync(1);
  expect(browser.take()).toEqual([{ type: "snapshot", topic: "activity", version: 1, values: { a: 1 } }]);
});

test("T1: to subscribe again brings a fresh snapshot, and what changes after it follows from there", async () => {
  const { topic, clock, set } = arrangeSource();
  const browser = connectBrowser(() => topic, clock);
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(1000);
  set("a", 2);
  await clock.advanceAsync(50);
  browser.take();
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(0);
  set("a", 3);
  await clock.advanceAsync(50);
  expect(browser.take()).toEqual([
    { type: "snapshot", topic: "fleet", version: 2, values: { a: 2 } },
    { type: "delta", topic: "fleet", version: 3, set: { a: 3 }, unset: [] },
  ]);
  browser.say({ type: "unsubscribe", topic: "fleet" });
  set("a", 4);
  await clock.advanceAsync(1000);
  expect(browser.take()).toEqual([]);
});

test("T1: the fifty-first topic is not followed, and the browser is told; one that it leaves makes room", async () => {
  const { topic, clock } = arrangeSource();
  const browser = connectBrowser(() => topic, clock);
  const follow = (place: number) => {
    browser.say({ type: "subscribe", topic: `run:${RUN.slice(0, -2)}${String(place).padStart(2, "0")}` });
    return clock.advanceAsync(0);
  };
  for (let place = 0; place < 50; place++) await follow(place);
  browser.take();
  await follow(50);
  expect(browser.take()).toEqual([{ type: "problem", reason: "At most 50 topics can be followed at once." }]);
  expect(browser.closed()).toBeNull();
  browser.say({ type: "unsubscribe", topic: `run:${RUN.slice(0, -2)}00` });
  await follow(50);
  expect(browser.take()).toMatchObject([{ type: "snapshot" }]);
});

test("T3: what is the same as before is not sent again, and a key that is not there is not taken away", async () => {
  const { deltas, clock, set } = arrangeSource();
  await clock.advanceAsync(1000);
  set("a", 1);
  set("b", undefined);
  await clock.advanceAsync(1000);
  expect(deltas).toEqual([]);
  set("a", undefined);
  set("b", { is: "new" });
  await clock.advanceAsync(1000);
  set("b", { is: "new" });
  await clock.advanceAsync(1000);
  expect(deltas).toEqual([{ type: "delta", topic: "fleet", version: 2, set: { b: { is: "new" } }, unset: ["a"] }]);
});

test("T7: a topic that is asked for while much is on its way to the browser comes once that was taken", async () => {
  const { topic: fleet, clock, set } = arrangeSource();
  const { topic: activity } = arrangeSource({ name: "activity", clock });
  const browser = connectBrowser((name) => (name === "fleet" ? fleet : activity), clock);
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(1000);
  set("a", "x".repeat(100_000));
  await clock.advanceAsync(50);
  browser.say({ type: "subscribe", topic: "activity" });
  await clock.advanceAsync(1000);
  expect(browser.take().map(({ type }) => type)).toEqual(["hello", "snapshot", "delta"]);
  await clock.advanceAsync(100);
  expect(browser.take()).toMatchObject([{ type: "snapshot", topic: "activity" }]);
});

test("T7: how long a browser took nothing is counted from when it took something", async () => {
  const { topic, clock, set } = arrangeSource();
  const browser = connectBrowser(() => topic, clock);
  browser.say({ type: "subscribe", topic: "fleet" });
  await clock.advanceAsync(1000);
  browser.take();
  const stall = async (ms: number) => {
    for (const text of ["x", "y", "z"]) {
      set("a", text.repeat(HIGH_WATER));
      await clock.advanceAsync(200);
    }
    await clock.advanceAsync(ms);
  };
  await stall(100_000);
  browser.take();
  await clock.advanceAsync(1000);
  browser.take();
  await stall(100_000);
  browser.take();
  expect(browser.closed()).toBeNull();
  await clock.advanceAsync(1000);
  browser.take();
  await stall(130_000);
  browser.take();
  expect(browser.closed()).toBe(1006);
});

test("T8: a log goes on where it grows, and from another line where that is asked for, without a line of the first request", async () => {
  const { topic, clock } = arrangeSource({ name: `run:${RUN}` });
  const line = (n: number): NumberedLine => ({ n, at: 1, stream: "nix", text: `line ${n}` });
  let held = Promise.withResolvers<void>();
  const lines = async function* (_: RunId, from: number) {
    yield [line(from)];
    await held.promise;
    yield [line(from + 1)];
  };
  const browser = connectBrowser(() => topic, clock, lines, 100);
  const sent = () => browser.take().flatMap((message) => (message.type === "log" ? message.lines.map(({ n }) => n) : []));
  browser.say({ type: "subscribe", topic: `run:${RUN}`, fromLine: 1 });
  await clock.advanceAsync(10);
  expect(sent()).toEqual([1]);
  browser.say({ type: "subscribe", topic: `run:${RUN}`, fromLine: 50 });
  await clock.advanceAsync(10);
  expect(sent()).toEqual([50]);
  held.resolve();
  await clock.advanceAsync(10);
  expect(sent()).toEqual([51]);
  // It rests for a moment, and goes on with what came meanwhile.
  held = Promise.withResolvers();
  browser.client.onLogGrown(RUN);
  await clock.advanceAsync(10);
  expect(sent()).toEqual([]);
  await clock.advanceAsync(50);
  expect(sent()).toEqual([52]);
});

test("T10: a log that cannot be read closes the socket with 1011: the browser asks again from the line that it has", async () => {
  const { topic, clock } = arrangeSource({ name: `run:${RUN}` });
  const unreadable = async function* (): AsyncGenerator<NumberedLine[]> {
    yield [];
    throw new Error("The disk fails");
  };
  const browser = connectBrowser(() => topic, clock, unreadable, 1);
  browser.say({ type: "subscribe", topic: `run:${RUN}`, fromLine: 1 });
  await clock.advanceAsync(100);
  browser.take();
  expect(browser.closed()).toBe(1011);
});

test("T11: the dashboard's time and version come first, before anything was asked for", () => {
  const { topic, clock } = arrangeSource();
  const browser = connectBrowser(() => topic, clock);
  expect(browser.take()).toEqual([{ type: "hello", serverTime: clock.now(), version: "1" }]);
});

test("T4: keys whose reading failed are read again a second later, with those that changed meanwhile, and nothing is lost", async () => {
  const { clock, deltas, read, set, failNext } = arrangeSource();
  await clock.advanceAsync(1000);
  failNext(2);
  set("a", 2);
  set("b", 1);
  await clock.advanceAsync(50);
  expect(read).toEqual([["a", "b"]]);
  set("c", 3);
  await clock.advanceAsync(940);
  expect(read).toHaveLength(1);
  await clock.advanceAsync(2000);
  expect(read.map((keys) => keys.toSorted())).toEqual([
    ["a", "b"],
    ["a", "b", "c"],
    ["a", "b", "c"],
  ]);
  expect(deltas).toEqual([{ type: "delta", topic: "fleet", version: 2, set: { a: 2, b: 1, c: 3 }, unset: [] }]);
});

test("T2: T4: a first reading that fails is tried again every second, and its failures are logged", async () => {
  const { clock, topic, deltas, set, logged, failNext } = arrangeSource();
  failNext(3);
  await clock.advanceAsync(500);
  set("a", 2);
  await clock.advanceAsync(2400);
  expect([topic.snapshot(), logged]).toEqual([null, Array.from({ length: 3 }, () => "A topic could not be read")]);
  let isReady = false;
  void topic.ready.then(() => {
    isReady = true;
  });
  await clock.advanceAsync(100);
  expect(isReady).toBe(true);
  expect(topic.snapshot()).toContain('"values":{"a":2}');
  // What changed before the reading is part of it.
  await clock.advanceAsync(2000);
  expect(deltas).toEqual([]);
});

test("T6: an urgent change does not wait for the time of one that can", async () => {
  const { clock, deltas, set } = arrangeSource();
  await clock.advanceAsync(1000);
  set("a", 2);
  await clock.advanceAsync(100);
  set("b", 1, "later");
  await clock.advanceAsync(100);
  set("a", 3);
  await clock.advanceAsync(20);
  expect(deltas).toMatchObject([{ set: { a: 2 } }, { set: { a: 3, b: 1 } }]);
});

const FORTY_DAYS = 40 * 24 * 60 * 60_000;

test("T6: after the clock was set back, urgent changes still arrive at once, also after many others", async () => {
  const { clock, deltas, set } = arrangeSource();
  await clock.advanceAsync(1000);
  for (let value = 2; value < 20; value++) {
    set("a", value);
    await clock.advanceAsync(30);
  }
  await clock.advanceAsync(300);
  clock.jump(-FORTY_DAYS);
  set("a", "urgent");
  await clock.advanceAsync(DELTA_INTERVAL);
  expect(deltas.at(-1)).toMatchObject({ set: { a: "urgent" } });
});

test("T6: after the clock was set back, a change that can wait still arrives within a second", async () => {
  const { clock, deltas, set } = arrangeSource();
  await clock.advanceAsync(1000);
  set("a", 2);
  await clock.advanceAsync(100);
  clock.jump(-FORTY_DAYS);
  set("a", 3, "later");
  await clock.advanceAsync(LATER_INTERVAL);
  expect(deltas.at(-1)).toMatchObject({ set: { a: 3 } });
});

test("T6: a change that came before the clock was set back, during a reading, arrives right after it", async () => {
  const { clock, deltas, set, hold } = arrangeSource();
  await clock.advanceAsync(1000);
  const release = hold();
  set("a", 2);
  await clock.advanceAsync(100);
  set("b", 1);
  clock.jump(-FORTY_DAYS);
  release();
  await clock.advanceAsync(DELTA_INTERVAL);
  expect(deltas.at(-1)).toMatchObject({ set: { b: 1 } });
});

test("T4: what could not be read is read a second later, whenever the clock was set back", async () => {
  const { clock, deltas, set, failNext } = arrangeSource();
  await clock.advanceAsync(1000);
  failNext();
  set("a", 2, "later");
  await clock.advanceAsync(100);
  clock.jump(-FORTY_DAYS);
  set("b", 1);
  await clock.advanceAsync(RETRY_INTERVAL);
  expect(deltas).toMatchObject([{ set: { a: 2, b: 1 } }]);
});

test("a topic that is closed reads nothing more, and what is being read is sent to nobody", async () => {
  const unread = arrangeSource();
  unread.topic.close();
  await unread.clock.advanceAsync(2000);
  expect([unread.topic.snapshot(), unread.clock.waiting]).toEqual([null, 0]);

  const failed = arrangeSource();
  failed.failNext();
  await failed.clock.advanceAsync(500);
  failed.topic.close();
  await failed.clock.advanceAsync(2000);
  expect([failed.topic.snapshot(), failed.clock.waiting]).toEqual([null, 0]);

  const changed = arrangeSource();
  await changed.clock.advanceAsync(1000);
  changed.set("a", 2);
  changed.topic.close();
  await changed.clock.advanceAsync(2000);
  expect([changed.read, changed.deltas, changed.clock.waiting]).toEqual([[], [], 0]);

  const reading = arrangeSource();
  await reading.clock.advanceAsync(1000);
  const release = reading.hold();
  reading.set("a", 2);
  await reading.clock.advanceAsync(100);
  reading.topic.close();
  release();
  await reading.clock.advanceAsync(2000);
  expect([reading.read, reading.deltas, reading.clock.waiting]).toEqual([[["a"]], [], 0]);
});

test("T4: what changes while the first snapshot is read comes with the first delta", async () => {
  const held = Promise.withResolvers<void>();
  const { clock, deltas, set, topic } = arrangeSource({ heldUntil: held.promise });
  await clock.advanceAsync(10);
  set("a", 2);
  await clock.advanceAsync(50);
  held.resolve();
  await clock.advanceAsync(2 * DELTA_INTERVAL);
  expect(deltas).toEqual([{ type: "delta", topic: "fleet", version: 2, set: { a: 2 }, unset: [] }]);
  expect(topic.snapshot()).toContain('"version":2');
});

test("T4: of a host's page whose reading failed nothing counts as given out: its other pages and the runs that left come later", async () => {
  const clock = createFakeClock();
  const { bus, publish } = createBus({ log: quiet });
  const ids = Array.from({ length: 3 }, (_, place) => RUN.replace(/.$/, `${place}`) as RunId);
  let newest = ids.slice(0, 2);
  let sentence = "No preview was made yet.";
  let faults = 0;
  const chain = { select: () => chain, where: () => chain, orderBy: () => chain, limit: () => chain } as Record<string, unknown>;
  chain["execute"] = async () => newest.map((id) => ({ id }));
  const deps = {
    store: { db: { selectFrom: () => chain } },
    bus,
    views: {
      view: async () => ({ row: {} }),
      generations: async () => [],
      onChange: () => () => {},
      async changes() {
        if (faults > 0) {
          faults -= 1;
          throw new Error("The disk fails");
        }
        return { sentence };
      },
    },
    runs: {
      summaries: async (wanted: readonly RunId[]) =>
        new Map(wanted.map((id) => [id, { id, op: "switch", state: "running" } as RunSummary])),
    },
    links: { watch: () => () => {} },
  } as unknown as SourceDeps;
  const topic = createTopic({ name: `host:${HOST}`, source: sourceOf(`host:${HOST}`, deps), clock, log: quiet });
  await clock.advanceAsync(1000);
  const keys = () => Object.keys(JSON.parse(topic.snapshot() ?? "{}").values).filter((key) => key.startsWith("run:"));
  expect(keys()).toEqual(ids.slice(0, 2).map((id) => `run:${id}`));

  faults = 1;
  newest = ids.slice(1);
  sentence = "A switch changes 1 package.";
  publish("run.changed", { runId: ids[2] as RunId, hostId: HOST });
  await clock.advanceAsync(500);
  expect(topic.snapshot()).toContain("No preview was made yet.");
  await clock.advanceAsync(1000);
  expect(topic.snapshot()).toContain("A switch changes 1 package.");
  expect(keys()).toEqual(ids.slice(1).map((id) => `run:${id}`));
});
