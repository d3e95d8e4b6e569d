import { appendFile, mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import type { RunId } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createSpoolReader } from "./event-reader.ts";
import { createEventWriter } from "./event-writer.ts";
import { type RunLayout, runnerLayout } from "./layout.ts";
import { pruneSpools } from "./prune.ts";
import { beginRun, finishRun, writeOutcome } from "./run-record.ts";

const first = "01jd0000000000000000000001" as RunId;
const second = "01jd0000000000000000000002" as RunId;
const request = { op: "switch", args: {}, commit: null, deadline: 1000, askedBy: "ada", force: false, receivedAt: 0 };

async function createRuns() {
  const dir = await createTempDir();
  const clock = createFakeClock();
  const layout = runnerLayout(dir.path);
  return {
    dir,
    clock,
    layout,
    reader: createSpoolReader(dir.path),
    async addRun(runId: RunId, { byHand = false } = {}): Promise<RunLayout> {
      const run = layout.run(runId);
      await beginRun(run, { ...request, runId, ...(byHand && { byHand }) });
      const writer = createEventWriter({ path: run.events, clock });
      writer.append({ kind: "started", agentVersion: "0.1.0" });
      await finishRun(run, writer, { outcome: { state: "succeeded" }, proof: undefined }, clock);
      writer.close();
      return run;
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

test("a run whose events went earlier keeps its record, and no other from going, however often the spools are pruned", async () => {
  await using runs = await createRuns();
  const old = await runs.addRun(first);
  const keep = { events: 1000, eventBytes: 1e9, record: 1e9 };
  runs.clock.advance(1001);
  await pruneSpools(runs.dir.path, { [first]: 2 }, runs.clock.now(), keep);
  expect(await readdir(old.dir)).not.toContain("events.jsonl");

  const next = await runs.addRun(second);
  runs.clock.advance(1001);
  await pruneSpools(runs.dir.path, { [first]: 2, [second]: 2 }, runs.clock.now(), keep);
  expect(await readdir(next.dir)).not.toContain("events.jsonl");
  expect(await readdir(old.dir)).toContain("outcome.json");
});

test("S15: a run of which nothing is acknowledged stays, however few events it has", async () => {
  await using runs = await createRuns();
  const run = runs.layout.run(first);
  await beginRun(run, { ...request, runId: first });
  await writeOutcome(run, { outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 0 }, runs.clock);
  await pruneSpools(runs.dir.path, {}, 1e12, { events: 0, eventBytes: 0, record: 0 });
  expect(await runs.reader.runs()).toEqual([first]);
  await pruneSpools(runs.dir.path, { [first]: 1 }, 1e12, { events: 0, eventBytes: 0, record: 0 });
  expect(await runs.reader.runs()).toEqual([]);
});

test("only a run whose request says so was asked for by hand", async () => {
  await using runs = await createRuns();
  const byHand = await runs.addRun(first, { byHand: true });
  await runs.addRun(second);
  expect(await runs.reader.isByHand(first)).toBe(true);
  expect(await runs.reader.isByHand(second)).toBe(false);
  await rm(byHand.request);
  expect(await runs.reader.isByHand(first)).toBe(false);
});

test("a line that is longer than any event is a fault, after the events before it", async () => {
  await using runs = await createRuns();
  const run = await runs.addRun(first);
  await appendFile(run.events, "x".repeat(3 * 1024 * 1024));
  await using cursor = runs.reader.openEvents(first, 0);
  expect(await cursor.read(1e9)).toMatchObject({ kind: "events", events: [{ seq: 1 }, { seq: 2 }] });
  expect(await cursor.read(1e9)).toMatchObject({ kind: "fault", reason: expect.stringContaining("after 2 is longer") });
  expect(await cursor.read(1e9)).toMatchObject({ kind: "fault" });
});

test("runs are directories named by an id, oldest first; a spool without a run in it has no seq", async () => {
  await using runs = await createRuns();
  expect(await runs.reader.runs()).toEqual([]);
  for (const runId of [second, first]) await mkdir(runs.layout.run(runId).dir, { recursive: true });
  await mkdir(`${runs.layout.runs}/notes`);
  expect(await runs.reader.runs()).toEqual([first, second]);
  expect(await runs.reader.has(first)).toBe(true);
  expect(await runs.reader.lastSeq(first)).toBe(0);
  await rm(runs.layout.runs, { recursive: true });
  await mkdir(runs.layout.runs);
  await writeFile(runs.layout.run(first).dir, "");
  expect(await runs.reader.runs()).toEqual([]);
  await rm(runs.layout.runs, { recursive: true });
  await writeFile(runs.layout.runs, "");
  await expect(runs.reader.runs()).rejects.toThrow("ENOTDIR");
});

test("S15: events go after 24 h, or where there are more than 256 MiB of them; request and outcome go after 30 days", async () => {
  await using runs = await createRuns();
  const hour = 3_600_000;
  const old = await runs.addRun(first);
  const prune = (age: number) => pruneSpools(runs.dir.path, { [first]: 2 }, runs.clock.now() + age);
  await truncate(old.events, 256 * 1024 * 1024);
  await prune(24 * hour);
  expect(await readdir(old.dir)).toContain("events.jsonl");
  await prune(24 * hour + 1);
  expect((await readdir(old.dir)).sort()).toEqual(["outcome.json", "request.json"]);

  await writeFile(old.events, "");
  await truncate(old.events, 256 * 1024 * 1024 + 1);
  await prune(0);
  expect((await readdir(old.dir)).sort()).toEqual(["outcome.json", "request.json"]);
  await prune(30 * 24 * hour);
  expect(await runs.reader.has(first)).toBe(true);
  await prune(30 * 24 * hour + 1);
  expect(await runs.reader.has(first)).toBe(false);
});
