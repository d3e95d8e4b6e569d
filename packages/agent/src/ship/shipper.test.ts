import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { type FromAgent, MAX_UNACKNOWLEDGED_BYTES, type RunEvent, type RunId } from "@nixfleet/protocol";
import { createFakeClock, createSocketPair, createTempDir, type FakeClock, type SocketPair } from "@nixfleet/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createLink } from "../link/link.ts";
import type { DialHandlers, LinkSocket } from "../link/link-socket.ts";
import { createLog } from "../log.ts";
import { createDaemonFiles } from "../spool/daemon-files.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { createEventWriter, type EventWriter } from "../spool/event-writer.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { createAcknowledgements } from "./acknowledgements.ts";
import { createShipper } from "./shipper.ts";

const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;
const policy = { allowedOps: [], allowRewind: false, signed: false, confirmTimeout: 0 };
const settings = { tags: [], location: "x", deviceType: "server", themeColor: null, interval: 5, repoUrl: "/x" };

/** The rule of the other end: stores by (run, seq), acknowledges what is stored. A gap is a fault of the agent. */
function createDashboard() {
  const stored = new Map<RunId, RunEvent[]>();
  const of = (runId: RunId) => stored.get(runId) ?? [];
  return {
    stored,
    of,
    /** Takes an agent's message and gives the answer. */
    take(message: FromAgent): object | undefined {
      if (message.type === "hello") {
        const runs = message.runs.map(({ runId }) => ({ runId, storedSeq: of(runId).length, known: true }));
        return { type: "welcome", hostId: idOf(0), serverTime: 0, runs };
      }
      if (message.type !== "runEvents") return undefined;
      const events = of(message.runId);
      for (const event of message.events) {
        if (event.seq > events.length + 1) throw new Error(`a gap: ${event.seq} came after ${events.length}`);
        if (event.seq === events.length + 1) events.push(event);
      }
      stored.set(message.runId, events);
      return { type: "ack", runId: message.runId, storedSeq: events.length };
    },
  };
}

interface World extends AsyncDisposable {
  clock: FakeClock;
  /** Begins a run's spool. */
  begin(runId: RunId): Promise<EventWriter>;
  writer(runId: RunId): EventWriter;
  readonly runnerDir: string;
  /** What the runner wrote of a run. */
  written(runId: RunId): RunEvent[];
  startDaemon(options?: { limit?: number; runs?: RunId[] }): Promise<Daemon>;
  acked(): Record<string, number>;
  /** Characters of events that were read from a spool at once, at most. */
  mostRead(): number;
}

interface Daemon extends AsyncDisposable {
  pair(): SocketPair;
  connect(): Promise<void>;
  shipper: ReturnType<typeof createShipper>;
  /** Lets the agent do all that it can do now. */
  work(): Promise<void>;
  faults: string[];
}

async function createWorld(): Promise<World> {
  const dir = await createTempDir();
  const clock = createFakeClock();
  const files = createDaemonFiles(dir.path);
  await files.prepare();
  const writers = new Map<RunId, EventWriter>();
  const layout = runnerLayout(dir.path);
  const reader = createSpoolReader(dir.path);
  let mostRead = 0;
  const spool: typeof reader = {
    ...reader,
    openEvents(runId, afterSeq) {
      const cursor = reader.openEvents(runId, afterSeq);
      return {
        ...cursor,
        async read(maxBytes) {
          const read = await cursor.read(maxBytes);
          if (read.kind === "events") mostRead = Math.max(mostRead, JSON.stringify(read.events).length);
          return read;
        },
      };
    },
  };
  const log = createLog({ level: "error", clock, write: () => {}, secrets: [] });
  const runIds = new Set<RunId>();

  return {
    clock,
    runnerDir: dir.path,
    mostRead: () => mostRead,
    async begin(runId) {
      await mkdir(layout.run(runId).dir, { recursive: true });
      const writer = createEventWriter({ path: layout.run(runId).events, clock });
      writers.set(runId, writer);
      runIds.add(runId);
      writer.append({ kind: "started", agentVersion: "0.1.0" });
      return writer;
    },
    writer(runId) {
      const writer = writers.get(runId);
      if (writer === undefined) throw new Error("the run was not begun");
      return writer;
    },
    written: (runId) =>
      readFileSync(layout.run(runId).events, "utf8")
        .trimEnd()
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    acked: () => JSON.parse(readFileSync(daemonLayout(dir.path).acknowledged, "utf8")).runs,
    async startDaemon({ limit, runs = [...runIds] } = {}) {
      const acknowledgements = createAcknowledgements({ files, clock, log });
      await acknowledgements.load();
      const faults: string[] = [];
      let handlers: DialHandlers | undefined;
      let pair: SocketPair | undefined;
      const link = createLink({
        clock,
        random: () => 0,
        log,
        dial: (given) => {
          handlers = given;
          return { cancel: () => {} };
        },
        hello: async () => ({
          type: "hello",
          protocol: 1,
          hostname: "gate",
          instance: "1",
          policy,
          settings,
          facts: { readAt: 0, facts: {} },
          runs: await Promise.all(
            runs.map(async (runId) => ({ runId, state: "active" as const, lastSeq: await spool.lastSeq(runId) })),
          ),
        }),
        onUp: (welcome) => shipper.onWelcome(welcome.runs),
        onMessage: (message) => {
          if (message.type === "ack") shipper.onAck(message);
        },
        onDown: () => shipper.onDown(),
      });
      const shipper = createShipper({
        spool,
        acknowledgements,
        log,
        send: (frame) => link.sendFrame(frame),
        onFault: (_, reason) => faults.push(reason),
        ...(limit !== undefined && { limit }),
      });
      for (const runId of runs) shipper.add(runId);
      link.start();
      const work = async () => {
        for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
        await shipper.settled();
      };
      return {
        shipper,
        faults,
        work,
        pair: () => {
          if (pair === undefined) throw new Error("not connected");
          return pair;
        },
        async connect() {
          clock.advance(1); // The next try to connect.
          pair = createSocketPair();
          const own = { ping: () => {}, onControl: () => {} };
          handlers?.onOpen(Object.defineProperties(own, Object.getOwnPropertyDescriptors(pair.left)) as unknown as LinkSocket);
          const sent = pair.toRight.queue;
          while (sent.length === 0) await new Promise((resolve) => setImmediate(resolve));
        },
        async [Symbol.asyncDispose]() {
          link.stop();
          await shipper[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const writer of writers.values()) writer.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function logLine(writer: EventWriter, text: string): void {
  writer.append({ kind: "log", lines: [{ at: 0, stream: "build", text }] });
}

function finish(writer: EventWriter): void {
  writer.append({ kind: "finished", outcome: { state: "succeeded" } });
}

/** Connects the agent to the dashboard, which welcomes it. */
async function meet(daemon: Daemon, dashboard: ReturnType<typeof createDashboard>): Promise<void> {
  await daemon.connect();
  const { right, toRight, toLeft } = daemon.pair();
  right.onMessage((text) => {
    const answer = dashboard.take(JSON.parse(text));
    if (answer !== undefined) right.send(JSON.stringify(answer));
  });
  toRight.flush(1);
  toLeft.flush();
  await daemon.work();
}

/** Delivers both ways until nothing more is said. */
async function exchange(daemon: Daemon): Promise<void> {
  const { flushAll, toLeft, toRight } = daemon.pair();
  while (toLeft.queue.length > 0 || toRight.queue.length > 0) {
    flushAll();
    await daemon.work();
  }
}

type Step =
  | { kind: "write"; run: number; lines: number }
  | { kind: "deliver"; count: number }
  | { kind: "acknowledge"; count: number }
  | { kind: "cut" }
  | { kind: "goodbye" }
  | { kind: "kill" };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("write" as const), run: fc.nat(1), lines: fc.integer({ min: 1, max: 30 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const), count: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 2, arbitrary: fc.constant({ kind: "cut" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "goodbye" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "kill" as const }) },
  ),
  { maxLength: 25 },
);

test("R4 R5: whatever is dropped, cut, killed or acknowledged late, every event of every run is stored once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 300, max: 4000 }), async (given: Step[], limit) => {
      await using world = await createWorld();
      const dashboard = createDashboard();
      const runs = [idOf(1), idOf(2)];
      for (const runId of runs) await world.begin(runId);
      let daemon = await world.startDaemon({ limit });
      let up = false;

      const reconnect = async () => {
        await meet(daemon, dashboard);
        up = true;
      };
      const unacknowledged = () =>
        daemon
          .pair()
          .toRight.queue.map((text) => Buffer.byteLength(text))
          .reduce((sum, bytes) => sum + bytes, 0);

      for (const step of given) {
        if (!up && step.kind !== "write" && step.kind !== "kill") await reconnect();
        if (step.kind === "write") {
          const runId = runs[step.run] ?? idOf(1);
          for (let i = 0; i < step.lines; i++) logLine(world.writer(runId), "x".repeat(i * 7));
          daemon.shipper.changed(runId);
        }
        if (step.kind === "deliver") daemon.pair().toRight.flush(step.count);
        if (step.kind === "acknowledge") daemon.pair().toLeft.flush(step.count);
        if (step.kind === "cut") daemon.pair().cut();
        if (step.kind === "goodbye") {
          daemon.pair().right.send(JSON.stringify({ type: "goodbye", code: "shutting-down", reason: "x", comeBackAfter: 0 }));
          daemon.pair().flushAll();
        }
        if (step.kind === "cut" || step.kind === "goodbye") up = false;
        if (step.kind === "kill") {
          await daemon[Symbol.asyncDispose]();
          daemon = await world.startDaemon({ limit });
          up = false;
        }
        await daemon.work();
        // One event may be larger than the window; else the window holds.
        if (up && daemon.pair().toRight.queue.length > 1) expect(unacknowledged()).toBeLessThanOrEqual(limit);
      }

      for (const runId of runs) finish(world.writer(runId));
      if (up) daemon.pair().cut();
      await reconnect();
      for (const runId of runs) daemon.shipper.changed(runId);
      await daemon.work();
      await exchange(daemon);
      for (const runId of runs) expect(dashboard.of(runId)).toEqual(world.written(runId));
      expect(daemon.faults).toEqual([]);
      await daemon[Symbol.asyncDispose]();
    }),
    { numRuns: 40 },
  );
});

test("R5: the dashboard is away for a while: on its return it gets what it lacks, and nothing twice", async () => {
  await using world = await createWorld();
  const dashboard = createDashboard();
  const writer = await world.begin(idOf(1));
  await using daemon = await world.startDaemon();
  await meet(daemon, dashboard);
  await exchange(daemon);
  logLine(writer, "delivered, and its acknowledgement lost");
  daemon.shipper.changed(idOf(1));
  await daemon.work();
  daemon.pair().toRight.flush();
  daemon.pair().cut();
  for (let i = 0; i < 500; i++) logLine(writer, `meanwhile ${i}`);
  finish(writer);
  await meet(daemon, dashboard);
  const sent = daemon.pair().toRight.queue.flatMap((text) => JSON.parse(text).events as RunEvent[]);
  expect(sent[0]?.seq).toBe(3);
  await exchange(daemon);
  expect(dashboard.of(idOf(1))).toEqual(world.written(idOf(1)));
});

test("no more than the window is on the wire without an acknowledgement, and each acknowledgement lets more go", async () => {
  await using world = await createWorld();
  const dashboard = createDashboard();
  const writer = await world.begin(idOf(1));
  for (let i = 0; i < 300; i++) logLine(writer, "\u001b[31m".repeat(2000));
  finish(writer);
  await using daemon = await world.startDaemon();
  await meet(daemon, dashboard);
  const { toRight, toLeft } = daemon.pair();
  const onTheWire = () => toRight.queue.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  expect(onTheWire()).toBeLessThanOrEqual(MAX_UNACKNOWLEDGED_BYTES);
  expect(onTheWire()).toBeGreaterThan(MAX_UNACKNOWLEDGED_BYTES / 2);
  const first = Buffer.byteLength(toRight.queue[0] ?? "");
  const before = onTheWire();
  toRight.flush(1);
  toLeft.flush();
  await daemon.work();
  expect(onTheWire()).toBeGreaterThan(before - first);
  expect(onTheWire()).toBeLessThanOrEqual(MAX_UNACKNOWLEDGED_BYTES);
  await exchange(daemon);
  expect(dashboard.of(idOf(1))).toEqual(world.written(idOf(1)));
});

test("R12: a late or repeated acknowledgement, or one of what was never sent, changes nothing", async () => {
  await using world = await createWorld();
  const dashboard = createDashboard();
  const writer = await world.begin(idOf(1));
  await using daemon = await world.startDaemon();
  await meet(daemon, dashboard);
  for (const storedSeq of [1_000_000, 1, 1, 0]) daemon.shipper.onAck({ type: "ack", runId: idOf(1), storedSeq });
  daemon.shipper.onAck({ type: "ack", runId: idOf(9), storedSeq: 5 });
  // What is on the disk is what the next daemon believes: only event 1 was sent.
  await world.clock.advanceAsync(1000);
  await expect.poll(() => world.acked()).toEqual({ [idOf(1)]: 1 });
  for (let i = 0; i < 20; i++) logLine(writer, `line ${i}`);
  finish(writer);
  daemon.shipper.changed(idOf(1));
  await daemon.work();
  await exchange(daemon);
  expect(dashboard.of(idOf(1))).toEqual(world.written(idOf(1)));
});

test("a run that the dashboard does not know is not sent, and holds up no other", async () => {
  await using world = await createWorld();
  const dashboard = createDashboard();
  finish(await world.begin(idOf(1)));
  finish(await world.begin(idOf(2)));
  await using daemon = await world.startDaemon();
  await daemon.connect();
  const { right, toRight, toLeft } = daemon.pair();
  right.onMessage((text) => {
    const answer = dashboard.take(JSON.parse(text)) as { type: string; runs: { runId: RunId; known: boolean }[] };
    if (answer.type === "welcome") for (const run of answer.runs) run.known = run.runId !== idOf(1);
    right.send(JSON.stringify(answer));
  });
  toRight.flush(1);
  toLeft.flush();
  await daemon.work();
  await exchange(daemon);
  expect(dashboard.of(idOf(1))).toEqual([]);
  expect(dashboard.of(idOf(2))).toEqual(world.written(idOf(2)));
});

test("a damaged spool is reported as a fault and holds up no other run", async () => {
  await using world = await createWorld();
  const dashboard = createDashboard();
  await world.begin(idOf(1));
  await writeFile(runnerLayout(world.runnerDir).run(idOf(1)).events, '{"seq":7}\n');
  finish(await world.begin(idOf(2)));
  await using daemon = await world.startDaemon();
  await meet(daemon, dashboard);
  await exchange(daemon);
  expect(daemon.faults).toHaveLength(1);
  expect(dashboard.of(idOf(2))).toEqual(world.written(idOf(2)));
});

test("R8: a spool that is many windows long is sent whole, a window at a time, and never read further than that", async () => {
  await using world = await createWorld();
  const writer = await world.begin(idOf(1));
  const lines = Array.from({ length: 2000 }, (_, i) => ({ at: i, stream: "build" as const, text: `compiling module ${i}` }));
  for (let i = 0; i < 100; i++) writer.append({ kind: "log", lines });
  finish(writer);
  await using daemon = await world.startDaemon();
  await daemon.connect();
  const { right, toRight, toLeft } = daemon.pair();
  let seq = 0;
  let count = 0;
  let largest = 0;
  right.onMessage((text) => {
    const message = JSON.parse(text) as FromAgent;
    largest = Math.max(largest, text.length);
    if (message.type === "hello") {
      right.send(
        JSON.stringify({
          type: "welcome",
          hostId: idOf(0),
          serverTime: 0,
          runs: [{ runId: idOf(1), storedSeq: 0, known: true }],
        }),
      );
    }
    if (message.type !== "runEvents") return;
    for (const event of message.events) {
      expect(event.seq).toBe(++seq);
      if (event.kind === "log") count += event.lines.length;
    }
    right.send(JSON.stringify({ type: "ack", runId: message.runId, storedSeq: seq }));
  });
  let onTheWire = 0;
  toRight.flush(1);
  toLeft.flush();
  await daemon.work();
  while (toRight.queue.length > 0) {
    const bytes = toRight.queue.reduce((sum, text) => sum + text.length, 0);
    onTheWire = Math.max(onTheWire, bytes);
    toRight.flush(1);
    toLeft.flush();
    await daemon.work();
  }
  expect(count).toBe(200_000);
  expect(largest).toBeLessThan(1024 * 1024);
  expect(onTheWire).toBeLessThanOrEqual(MAX_UNACKNOWLEDGED_BYTES);
  expect(world.mostRead()).toBeLessThanOrEqual(MAX_UNACKNOWLEDGED_BYTES);
});

test("what was acknowledged is on the disk for the runner and for the next start", async () => {
  await using world = await createWorld();
  const dashboard = createDashboard();
  const writer = await world.begin(idOf(1));
  finish(writer);
  await using daemon = await world.startDaemon();
  await meet(daemon, dashboard);
  await exchange(daemon);
  await world.clock.advanceAsync(1000);
  await expect.poll(() => world.acked()).toEqual({ [idOf(1)]: 2 });
});
