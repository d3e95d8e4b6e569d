import { writeSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LogLine, MAX_FRAME_BYTES, type RunEvent, type RunId } from "@nixfleet/protocol";
import { type Disk, machineDisk } from "@nixfleet/runtime";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createSpoolReader, type EventCursor } from "./event-reader.ts";
import { createEventWriter, type EventWriterDeps } from "./event-writer.ts";
import { runnerLayout } from "./layout.ts";
import { createLedger } from "./ledger.ts";
import { pruneSpools } from "./prune.ts";
import { beginRun, finishRun, reserveSpace } from "./run-record.ts";
import { mendEvents } from "./torn-events.ts";

const runId = "01jd0000000000000000000001" as RunId;
const line = (text: string): LogLine => ({ at: 1, stream: "build", text });

async function createSpool(deps: Partial<EventWriterDeps> = {}) {
  const dir = await createTempDir();
  const run = runnerLayout(dir.path).run(runId);
  await mkdir(run.dir, { recursive: true });
  const clock = createFakeClock();
  const writer = createEventWriter({ path: run.events, clock, ...deps });
  const reader = createSpoolReader(dir.path);
  return { dir, run, clock, writer, reader, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

async function readAll(cursor: EventCursor, maxBytes = 1024 * 1024): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for (;;) {
    const read = await cursor.read(maxBytes);
    if (read.kind === "fault") throw new Error(read.reason);
    if (read.events.length === 0) return events;
    events.push(...read.events);
  }
}

test("lines wait 50 ms for others and go out with one write; other events go at once, behind them", async () => {
  const writes: number[] = [];
  const write: Disk["writeSync"] = (fd, bytes, offset, length) => {
    writes.push(length);
    return writeSync(fd, bytes, offset, length);
  };
  await using spool = await createSpool({ disk: { ...machineDisk, writeSync: write } });
  for (let n = 0; n < 100; n++) spool.writer.log(line(`line ${n}`));
  expect(writes).toHaveLength(0);
  spool.clock.advance(50);
  expect(writes).toHaveLength(1);
  spool.writer.log(line("one more"));
  spool.writer.append({ kind: "phase", phase: "build" });
  expect(writes).toHaveLength(2);
  await using cursor = spool.reader.openEvents(runId, 0);
  expect((await readAll(cursor)).map(({ seq, kind }) => [seq, kind])).toEqual([
    [1, "log"],
    [2, "log"],
    [3, "phase"],
  ]);
});

test.each([
  ["short ones", ["x"]],
  ["usual ones", ["line 1 of a build that has much to say about what it does"]],
  ["long ones", ["x".repeat(20_000)]],
  ["a long one behind short ones", [...Array<string>(400).fill("x".repeat(100)), "x".repeat(60_000)]],
])("R8: a flood of lines, %s, waits for no timer: what fills an event goes out at once", async (_, texts) => {
  let written = 0;
  const write: Disk["writeSync"] = (fd, bytes, offset, length) => {
    written += length;
    return writeSync(fd, bytes, offset, length);
  };
  await using spool = await createSpool({ disk: { ...machineDisk, writeSync: write } });
  let given = 0;
  let waited = 0;
  for (let n = 0; n < 5_000; n++) {
    const text = texts[n % texts.length] ?? "";
    spool.writer.log(line(text));
    given += text.length;
    waited = Math.max(waited, given - written);
  }
  expect(waited).toBeLessThan(2 * 64 * 1024);
});

test("progress goes out four times a second at most, and the last one always", async () => {
  await using spool = await createSpool();
  const progress = (done: number) => () => ({
    builds: { done, expected: 100, running: 0, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [],
  });
  for (let n = 0; n < 100; n++) {
    spool.writer.progress(progress(n));
    spool.clock.advance(10);
  }
  spool.writer.progress(progress(100));
  spool.writer.flush();
  await using cursor = spool.reader.openEvents(runId, 0);
  const done = (await readAll(cursor)).map((event) => (event.kind === "progress" ? event.progress.builds.done : -1));
  expect(done.length).toBeLessThanOrEqual(6);
  expect(done.at(-1)).toBe(100);
});

test("R8: an event never outgrows a frame of the link, however long and strange the lines are", async () => {
  await using spool = await createSpool();
  const longest = "\u0001".repeat(64 * 1024);
  for (let n = 0; n < 5; n++) spool.writer.log(line(longest));
  for (let n = 0; n < 10_000; n++) spool.writer.log(line(""));
  spool.writer.flush();
  const sizes = (await readFile(spool.run.events, "utf8")).split("\n").map((text) => Buffer.byteLength(text));
  expect(Math.max(...sizes)).toBeLessThan(MAX_FRAME_BYTES);
  await using cursor = spool.reader.openEvents(runId, 0);
  const lines = (await readAll(cursor)).flatMap((event) => (event.kind === "log" ? event.lines : []));
  expect(lines).toHaveLength(10_005);
});

test("S17: a full disk keeps head and tail, says how much was cut between, and never tears or repeats an event", async () => {
  let space = Number.POSITIVE_INFINITY;
  const write: Disk["writeSync"] = (fd, bytes, offset, length) => {
    const count = Math.min(space, length);
    if (count === 0) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    space -= count;
    return writeSync(fd, bytes, offset, count);
  };
  await using spool = await createSpool({ disk: { ...machineDisk, writeSync: write } });
  for (let n = 0; n < 10; n++) spool.writer.log(line(`head ${n}`));
  spool.writer.flush();
  space = 100; // The next write is torn.
  for (let n = 0; n < 20_000; n++) {
    spool.writer.log(line(`middle ${n}`));
    if (n % 1000 === 0) spool.clock.advance(50);
  }
  spool.writer.append({ kind: "phase", phase: "activate" });
  expect(spool.writer.flush()).toBe(false);
  expect(process.memoryUsage().heapUsed).toBeLessThan(500 * 1024 * 1024);
  space = 5_000_000;
  spool.clock.advance(1000);

  await using cursor = spool.reader.openEvents(runId, 0);
  const events = await readAll(cursor);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const texts = events.flatMap((event) => (event.kind === "log" ? event.lines.map(({ text }) => text) : []));
  expect(texts.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, n) => `head ${n}`));
  expect(texts.at(-1)).toBe("middle 19999");
  const cut = events.flatMap((event) => (event.kind === "warning" ? event.message : []));
  expect(cut).toEqual([`The disk under the agent's state was full: ${20_010 - texts.length} lines of output were cut here.`]);
  expect(events.some(({ kind }) => kind === "phase")).toBe(true);
});

test("S17: the end of a run fits on a full disk, since space was held back for it", async () => {
  let isFull = false;
  let reserve = 0;
  const write: Disk["writeSync"] = (fd, bytes, offset, length) => {
    if (isFull && length > reserve) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    return writeSync(fd, bytes, offset, length);
  };
  await using spool = await createSpool({ disk: { ...machineDisk, writeSync: write } });
  expect(await reserveSpace(spool.run)).toBe(true);
  isFull = true;
  for (let n = 0; n < 5000; n++) spool.writer.log(line("x".repeat(100)));
  reserve = 512 * 1024;
  const { clock } = spool;
  await finishRun(spool.run, spool.writer, { outcome: { state: "succeeded" }, proof: undefined }, clock);
  const outcome = await spool.reader.outcome(runId);
  expect(outcome).toMatchObject({ kind: "ok", value: { outcome: { state: "succeeded" } } });
  expect(await spool.reader.lastSeq(runId)).toBe(outcome.kind === "ok" ? outcome.value.lastSeq : -1);
});

test("S6: a reader sees whole events only, in pieces of the size asked for, from any seq on, while the file grows", async () => {
  await using spool = await createSpool();
  const { writer, reader, run } = spool;
  for (let n = 0; n < 1000; n++) writer.append({ kind: "warning", message: `number ${n} ${"x".repeat(n)}` });
  await appendFile(run.events, '{"seq":1001,"at":1,"kind":"warn');
  for (const after of [0, 1, 500, 999, 1000]) {
    await using cursor = reader.openEvents(runId, after);
    const first = await cursor.read(10_000);
    const rest = await readAll(cursor, 10_000);
    const events = [...(first.kind === "events" ? first.events : []), ...rest];
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 1000 - after }, (_, index) => after + index + 1));
    if (first.kind === "events" && first.events.length > 1) {
      expect(Buffer.byteLength(JSON.stringify(first.events))).toBeLessThan(11_000);
    }
  }
  expect(await reader.lastSeq(runId)).toBe(1000);
  await using cursor = reader.openEvents(runId, 1000);
  expect(await cursor.read(1000)).toEqual({ kind: "events", events: [] });
  await appendFile(run.events, 'ing","message":"whole now"}\n');
  expect(await cursor.read(1000)).toMatchObject({ events: [{ seq: 1001, message: "whole now" }] });
});

test("S16: a spool that is not what a runner writes is a fault, and is not followed elsewhere", async () => {
  await using spool = await createSpool();
  spool.writer.append({ kind: "phase", phase: "fetch" });
  await appendFile(spool.run.events, '{"seq":3,"at":1,"kind":"phase","phase":"build"}\n');
  await using cursor = spool.reader.openEvents(runId, 0);
  expect(await cursor.read(1000)).toMatchObject({ events: [{ seq: 1 }] });
  expect(await cursor.read(1000)).toMatchObject({ kind: "fault", reason: expect.stringContaining("is not event 2") });

  const other = "01jd0000000000000000000002" as RunId;
  const run = runnerLayout(spool.dir.path).run(other);
  await mkdir(run.dir);
  await symlink("/etc/passwd", run.events);
  await using linked = spool.reader.openEvents(other, 0);
  expect(await linked.read(1000)).toMatchObject({ kind: "fault" });
});

test("R1, S8: wherever the file was torn, mending leaves the whole events before and nothing else", async () => {
  await using spool = await createSpool();
  const { writer, run } = spool;
  for (let n = 0; n < 30; n++) {
    writer.log({ at: 1, stream: "activation", text: `ü ${n}` });
    writer.append({ kind: "phase", phase: "activate" });
  }
  const whole = await readFile(run.events);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.constantFrom("", "\0\0\0\n", '{"seq":1}\n', "x"), async (at, rest) => {
      await writeFile(run.events, whole);
      await truncate(run.events, at);
      await appendFile(run.events, rest);
      const mended = await mendEvents(run.events);
      const expected = whole.subarray(0, at).lastIndexOf(10) + 1;
      expect(await readFile(run.events)).toEqual(whole.subarray(0, expected));
      expect(mended.lastSeq).toBe(whole.subarray(0, expected).toString().split("\n").length - 1);
      expect(mended.activationLines).toBe(Math.ceil(mended.lastSeq / 2));
    }),
    { numRuns: 60 },
  );
});

test("R1: a hole of any size that a power loss has left behind the events is cut off without being kept in memory", async () => {
  await using spool = await createSpool();
  spool.writer.append({ kind: "phase", phase: "fetch" });
  const whole = await readFile(spool.run.events);
  await truncate(spool.run.events, 2 ** 40);
  expect(await mendEvents(spool.run.events)).toMatchObject({ lastSeq: 1, phase: "fetch" });
  expect(await readFile(spool.run.events)).toEqual(whole);
});

test("S15: spools go when the dashboard has stored them, by age and by size; what it has not stored stays", async () => {
  await using dir = await createTempDir();
  const layout = runnerLayout(dir.path);
  const clock = createFakeClock();
  const ids = Array.from({ length: 5 }, (_, n) => `01jd000000000000000000000${n}` as RunId);
  for (const id of ids) {
    const run = layout.run(id);
    await mkdir(run.dir, { recursive: true });
    const writer = createEventWriter({ path: run.events, clock });
    writer.append({ kind: "warning", message: "x".repeat(1000) });
    await finishRun(run, writer, { outcome: { state: "succeeded" }, proof: undefined }, clock);
    clock.advance(1000);
  }
  const acknowledged = { [ids[0] as RunId]: 2, [ids[1] as RunId]: 1, [ids[3] as RunId]: 2, [ids[4] as RunId]: 2 };
  const exists = (path: string) =>
    readFile(path).then(
      () => true,
      () => false,
    );
  await pruneSpools(dir.path, acknowledged, clock.now(), { events: 4500, eventBytes: 1500, record: 1e9 });
  expect(await Promise.all(ids.map((id) => exists(layout.run(id).events)))).toEqual([false, true, true, false, true]);
  expect(await Promise.all(ids.map((id) => exists(layout.run(id).outcome)))).toEqual([true, true, true, true, true]);
  await pruneSpools(dir.path, acknowledged, clock.now() + 10_000, { events: 0, eventBytes: 0, record: 10_000 });
  expect(await Promise.all(ids.map((id) => exists(layout.run(id).outcome)))).toEqual([false, true, true, false, false]);
});

test("S15: of runs that a person did on the host no dashboard tells that it has stored them: they go by age all the same", async () => {
  await using spool = await createSpool();
  const { run, writer, clock, dir } = spool;
  const asked = { op: "switch", args: {}, commit: null, deadline: 1000, askedBy: "ada", force: false, receivedAt: 0 };
  await beginRun(run, { ...asked, runId, byHand: true });
  await finishRun(run, writer, { outcome: { state: "succeeded" }, proof: undefined }, clock);
  const keep = { events: 1000, eventBytes: 1e9, record: 2000 };
  await pruneSpools(dir.path, {}, clock.now(), keep);
  expect(await readdir(run.dir)).toContain("events.jsonl");
  await pruneSpools(dir.path, {}, clock.now() + 1500, keep);
  expect(await readdir(run.dir)).not.toContain("events.jsonl");
  await pruneSpools(dir.path, {}, clock.now() + 2500, keep);
  expect(await readdir(runnerLayout(dir.path).runs)).toEqual([]);
});

test("S13: the ledger keeps every deployment, also behind a line that a power loss tore", async () => {
  await using dir = await createTempDir();
  const path = join(dir.path, "deployments.jsonl");
  const ledger = createLedger(path);
  const closure = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system";
  const deployment = (at: number) => ({ closure, commit: "a".repeat(40), runId, at, mode: "switch" as const });
  await ledger.add(deployment(1));
  await appendFile(path, '{"closure":"/nix');
  await ledger.add(deployment(2));
  expect(await ledger.read()).toEqual([deployment(1), deployment(2)]);
});
