import { readFile, stat } from "node:fs/promises";
import type { RunEvent, RunId } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSpoolReader } from "./event-reader.ts";
import { createEventWriter } from "./event-writer.ts";
import { runnerLayout } from "./layout.ts";
import { pruneSpools, type Retention } from "./prune.ts";
import { listRuns, MOST_FINISHED_RUNS } from "./run-directories.ts";
import { beginRun, finishRun } from "./run-record.ts";
import { MAX_FILE_BYTES } from "./shapes.ts";

// A dashboard that starts runs and stores nothing, or a daemon that says so.

const request = { op: "switch", args: {}, commit: null, deadline: 1000, askedBy: "eve", force: false, receivedAt: 0 };
const idOf = (number: number) => `01jd${String(number).padStart(22, "0")}` as RunId;
const clock = createFakeClock();

let dir: Awaited<ReturnType<typeof createTempDir>>;
beforeEach(async () => {
  dir = await createTempDir();
});
afterEach(() => dir[Symbol.asyncDispose]());

const layout = () => runnerLayout(dir.path);
const eventsOf = (number: number) => layout().run(idOf(number)).events;
const sizeOf = async (number: number) => (await stat(eventsOf(number))).size;
const prune = (retention: Partial<Retention>, acknowledged = {}) => pruneSpools(dir.path, acknowledged, clock.now(), retention);

async function addRun(number: number, lines = 0): Promise<void> {
  const run = layout().run(idOf(number));
  await beginRun(run, { ...request, runId: idOf(number) });
  const writer = createEventWriter({ path: run.events, clock });
  writer.append({ kind: "started", agentVersion: "0.1.0" });
  for (let i = 0; i < lines; i++) writer.log({ at: clock.now(), stream: "nix", text: `${i} ${"x".repeat(1000)}` });
  await finishRun(run, writer, { outcome: { state: "succeeded" }, proof: undefined }, clock);
  writer.close();
}

async function readEvents(number: number): Promise<RunEvent[]> {
  await using cursor = createSpoolReader(dir.path).openEvents(idOf(number), 0);
  const read = await cursor.read(1e9);
  if (read.kind === "fault") throw new Error(read.reason);
  return read.events;
}

test("S15: of runs that nobody stores the oldest lose their output first, never a number, an outcome or what else they tell", async () => {
  for (const number of [1, 2, 3]) await addRun(number, 300);
  const whole = await Promise.all([1, 2, 3].map(readEvents));
  const size = await sizeOf(3);
  await prune({ unstoredBytes: size * 2 });
  expect(await Promise.all([sizeOf(2), sizeOf(3)])).toEqual([size, size]);
  expect(await sizeOf(1)).toBeLessThan(size / 50);

  const cut = await readEvents(1);
  expect(cut.map(({ seq, kind }) => [seq, kind])).toEqual(whole[0]?.map(({ seq, kind }) => [seq, kind]));
  expect(cut.filter(({ kind }) => kind !== "log")).toEqual(whole[0]?.filter(({ kind }) => kind !== "log"));
  const lines = cut.flatMap((event) => (event.kind === "log" ? event.lines : []));
  const gone = lines.flatMap(({ text }) => /^(\d+) lines of output were cut/.exec(text)?.[1] ?? []);
  expect(gone.reduce((sum, count) => sum + Number(count), 0)).toBe(300);
  expect(lines[0]?.text).toMatch(/^0 x{198}$/);

  // Once: what is cut is not read through at each pruning.
  const { ino } = await stat(eventsOf(1));
  await prune({ unstoredBytes: size * 2 });
  expect((await stat(eventsOf(1))).ino).toBe(ino);
});

test("S15: a reader of the events that are cut meanwhile reads them to their end", async () => {
  await addRun(1, 300);
  await addRun(2);
  const whole = await readEvents(1);
  await using cursor = createSpoolReader(dir.path).openEvents(idOf(1), 0);
  const first = await cursor.read(1);
  await prune({ unstoredBytes: 10_000 });
  const rest = await cursor.read(1e9);
  expect([first, rest].flatMap((read) => (read.kind === "events" ? read.events : []))).toEqual(whole);
  expect(await readFile(eventsOf(1), "utf8")).not.toContain("x".repeat(300));
});

test("S15: the acknowledgements of all runs that are kept fit into the file that the runner reads", () => {
  const runs = Array.from({ length: MOST_FINISHED_RUNS }, (_, number) => [idOf(number), 9_999_999]);
  expect(JSON.stringify({ runs: Object.fromEntries(runs) }).length).toBeLessThan(MAX_FILE_BYTES);
});

test("R56 S15: however many runs nobody stores, or are said to be stored, the bounds hold and the newest run stays whole", async () => {
  for (let number = 1; number <= 12; number++) await addRun(number);
  await prune({ records: 10 });
  expect(await listRuns(dir.path)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(idOf));
  await prune({ records: 8 }, Object.fromEntries([3, 5, 7, 9, 11].map((number) => [idOf(number), 2])));
  expect(await listRuns(dir.path)).toEqual([5, 6, 7, 8, 9, 10, 11, 12].map(idOf));
  const size = await sizeOf(12);
  await prune({ unstoredBytes: size * 2 });
  expect(await listRuns(dir.path)).toEqual([9, 10, 11, 12].map(idOf));
  await prune({ unstoredBytes: 0 });
  expect(await listRuns(dir.path)).toEqual([idOf(12)]);
  expect(await sizeOf(12)).toBe(size);
});
