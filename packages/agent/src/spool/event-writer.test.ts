import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildProgress, LogLine, RunEvent, RunId } from "@nixfleet/protocol";
import { type Disk, machineDisk } from "@nixfleet/runtime";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createCountingDisk } from "./counting-disk.fixture.ts";
import { createEventWriter } from "./event-writer.ts";
import { runnerLayout } from "./layout.ts";

const runId = "01jd0000000000000000000001" as RunId;
const lineOf = (text: string): LogLine => ({ at: 1, stream: "build", text });
const progressOf = (done: number) => (): BuildProgress => ({
  builds: { done, expected: 9, running: 0, failed: 0 },
  copies: { done: 0, expected: 0 },
  bytes: { done: 0, expected: 0 },
  now: [],
});

/** A writer on a disk that is full while `isFull` is set. `tries` counts its writes, also those that failed. */
async function createWriter() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const run = runnerLayout(dir.path).run(runId);
  await mkdir(run.dir, { recursive: true });
  const state = { isFull: false, tries: 0 };
  const disk: Disk = {
    ...machineDisk,
    writeSync(fd, bytes, offset, length) {
      state.tries++;
      if (state.isFull) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      return machineDisk.writeSync(fd, bytes, offset, length);
    },
  };
  const clock = createFakeClock();
  const writer = createEventWriter({ path: run.events, clock, disk });
  onTestFinished(() => writer.close());
  const events = async (): Promise<RunEvent[]> =>
    (await readFile(run.events, "utf8"))
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { writer, clock, state, events };
}

test("S17: a full disk is tried again once a second, neither for each line nor sooner", async () => {
  const { writer, clock, state, events } = await createWriter();
  state.isFull = true;
  writer.append({ kind: "phase", phase: "fetch" });
  expect(state.tries).toBe(1);
  for (const seconds of [1, 2, 3]) {
    writer.log(lineOf("meanwhile"));
    writer.append({ kind: "phase", phase: "build" });
    clock.advance(999);
    expect(state.tries).toBe(seconds);
    clock.advance(1);
    expect(state.tries).toBe(seconds + 1);
  }
  state.isFull = false;
  clock.advance(1000);
  expect((await events()).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(clock.waiting).toBe(0);
  // From now on there is room, so nothing waits.
  writer.append({ kind: "phase", phase: "diff" });
  expect(await events()).toHaveLength(8);
});

test("lines wait 50 ms for others, also those that come after a flush", async () => {
  const { writer, clock, state, events } = await createWriter();
  for (const tries of [0, 2]) {
    writer.log(lineOf("a"));
    writer.log(lineOf("b"));
    clock.advance(49);
    expect(state.tries).toBe(tries);
    clock.advance(1);
    expect(state.tries).toBe(tries + 1);
    writer.log(lineOf("c"));
    writer.append({ kind: "phase", phase: "build" });
    expect(state.tries).toBe(tries + 2);
  }
  expect((await events()).map((event) => (event.kind === "log" ? event.lines.length : event.kind))).toEqual([
    2,
    1,
    "phase",
    2,
    1,
    "phase",
  ]);
});

test("an event that is larger than a usual batch is written whole, and so is what waited before it", async () => {
  const { writer, events } = await createWriter();
  const lines = Array.from({ length: 5 }, () => lineOf("€".repeat(60_000)));
  writer.log(lineOf("before"));
  writer.append({ kind: "log", lines });
  writer.append({ kind: "phase", phase: "build" });
  expect(await events()).toMatchObject([
    { seq: 1, kind: "log", lines: [lineOf("before")] },
    { seq: 2, kind: "log", lines },
    { seq: 3, kind: "phase" },
  ]);
});

test("what was flushed waits for nothing any more: no timer is left, and nothing is written twice", async () => {
  const { writer, clock, state, events } = await createWriter();
  for (const way of ["flush", "sync"] as const) {
    writer.log(lineOf(way));
    expect(writer[way]()).toBe(true);
    expect(clock.waiting, way).toBe(0);
  }
  expect(writer.flush()).toBe(true);
  clock.advance(1000);
  expect([state.tries, (await events()).length, writer.lastSeq()]).toEqual([2, 2, 2]);
});

test("the latest progress is written a quarter of a second after the one before, with what it has become by then", async () => {
  const { writer, clock, events } = await createWriter();
  let done = 1;
  writer.progress(() => progressOf(done)());
  done = 2;
  writer.progress(() => progressOf(done)());
  done = 3;
  clock.advance(249);
  expect(await events()).toHaveLength(1);
  clock.advance(1);
  expect(await events()).toMatchObject([{ progress: { builds: { done: 1 } } }, { progress: { builds: { done: 3 } } }]);
  expect(clock.waiting).toBe(0);
  clock.advance(250);
  done = 4;
  writer.progress(() => progressOf(done)());
  expect(await events()).toHaveLength(3);
  done = 5;
  writer.progress(() => progressOf(done)());
  clock.advance(250);
  expect((await events()).at(-1)).toMatchObject({ progress: { builds: { done: 5 } } });
  clock.advance(249);
  done = 6;
  writer.progress(() => progressOf(done)());
  expect(await events()).toHaveLength(4);
  clock.advance(1);
  expect(await events()).toHaveLength(5);
});

test.each(["flush", "sync"] as const)("a progress that is held back is written by a %s", async (way) => {
  const { writer, events } = await createWriter();
  for (const done of [1, 2]) writer.progress(progressOf(done));
  writer[way]();
  expect(await events()).toMatchObject([{ progress: { builds: { done: 1 } } }, { progress: { builds: { done: 2 } } }]);
});

test("a progress that another event has brought out early is written once, and the next one waits as long as ever", async () => {
  const { writer, clock, events } = await createWriter();
  writer.progress(progressOf(1));
  clock.advance(100);
  writer.progress(progressOf(2));
  clock.advance(100);
  writer.append({ kind: "phase", phase: "build" });
  writer.append({ kind: "phase", phase: "diff" });
  writer.progress(progressOf(3));
  clock.advance(249);
  const kinds = async () =>
    (await events()).map((event) => (event.kind === "progress" ? event.progress.builds.done : event.kind));
  expect(await kinds()).toEqual([1, 2, "phase", "phase"]);
  clock.advance(1);
  expect(await kinds()).toEqual([1, 2, "phase", "phase", 3]);
});

test("an end that a full disk does not take says so, whether it is to be written or to be kept", async () => {
  const { writer, state } = await createWriter();
  state.isFull = true;
  writer.log(lineOf("x"));
  expect([writer.flush(), writer.sync()]).toEqual([false, false]);
  expect(writer.lastSeq()).toBe(0);
  state.isFull = false;
  expect([writer.sync(), writer.lastSeq()]).toEqual([true, 1]);
});

test("a writer that is closed leaves no file open", async () => {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const { disk, leftOpen } = createCountingDisk();
  const writer = createEventWriter({ path: join(dir.path, "events.jsonl"), clock: createFakeClock(), disk });
  expect(leftOpen()).toBe(1);
  writer.close();
  expect(leftOpen()).toBe(0);
});

test("a writer continues behind what an earlier one has written", async () => {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const run = runnerLayout(dir.path).run(runId);
  await mkdir(run.dir, { recursive: true });
  const clock = createFakeClock();
  const first = createEventWriter({ path: run.events, clock });
  first.append({ kind: "phase", phase: "fetch" });
  first.close();
  const second = createEventWriter({ path: run.events, clock, lastSeq: first.lastSeq() });
  second.append({ kind: "phase", phase: "build" });
  second.close();
  const seqs = (await readFile(run.events, "utf8")).trimEnd().split("\n");
  expect(seqs.map((line) => JSON.parse(line).seq)).toEqual([1, 2]);
});
