import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunEventBody, RunId } from "@nixfleet/protocol";
import { type Disk, machineDisk } from "@nixfleet/runtime";
import { createFakeClock, createFaultyDisk, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createCountingDisk } from "./counting-disk.fixture.ts";
import { createEventWriter } from "./event-writer.ts";
import { runnerLayout } from "./layout.ts";
import { pruneSpools } from "./prune.ts";
import { beginRun, createProcessRecord, finishRun, reserveSpace, writeOutcome } from "./run-record.ts";
import { repairEvents } from "./torn-events.ts";
import { setUsualUmask } from "./umask.fixture.ts";

const runId = "01jd0000000000000000000001" as RunId;
const closure = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system";
const request = { op: "switch", args: {}, commit: null, deadline: 1000, askedBy: "ada", force: false, receivedAt: 0 };
const succeeded = { outcome: { state: "succeeded" }, proof: undefined } as const;

async function createRun() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const run = runnerLayout(dir.path).run(runId);
  await mkdir(run.dir, { recursive: true });
  const disk = createFaultyDisk(dir.path);
  const clock = createFakeClock();
  return { dir, run, disk, clock };
}

/** A disk for the files of one directory, which has no more room for them once it was filled. */
function createSmallDisk(directory: string) {
  let capacity = Number.POSITIVE_INFINITY;
  const used = () => readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  const full = () => Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  const disk: Disk = {
    ...machineDisk,
    writeSync(fd, bytes, offset, length) {
      const room = Math.min(length, capacity - used());
      if (room <= 0) throw full();
      return machineDisk.writeSync(fd, bytes, offset, room);
    },
    async open(path, flags, mode) {
      const file = await machineDisk.open(path, flags, mode);
      const writeAll = file.writeFile.bind(file);
      return Object.assign(file, {
        async writeFile(data: string | Uint8Array) {
          if (used() + Buffer.byteLength(data) > capacity) throw full();
          await writeAll(data);
        },
      });
    },
  };
  return { disk, fill: () => (capacity = used()) };
}

test("S17: what cannot be held back leaves nothing that takes room", async () => {
  const { run, disk } = await createRun();
  disk.failWhen(({ kind }) => (kind === "write" ? "ENOSPC" : undefined));
  expect(await reserveSpace(run, disk)).toBe(false);
  expect(await readdir(run.dir)).toEqual([]);
  disk.failWhen(({ kind }) => (kind === "create" ? "ENOSPC" : undefined));
  expect(await reserveSpace(run, disk)).toBe(false);
  disk.failWhen(({ kind }) => (kind === "write" ? "EIO" : undefined));
  await expect(reserveSpace(run, disk)).rejects.toThrow("EIO");
});

test("S17: 512 KiB are held back, and not of zeros, which a file system may store without any blocks", async () => {
  const { run } = await createRun();
  const { disk, leftOpen } = createCountingDisk();
  expect(await reserveSpace(run, disk)).toBe(true);
  expect(leftOpen()).toBe(0);
  const reserved = await readFile(run.reserve);
  expect(reserved).toHaveLength(512 * 1024);
  expect(reserved.includes(0)).toBe(false);
});

test("S17: what is held back is enough for the latest output, the end of a run and its outcome, without any wait", async () => {
  const { run, clock } = await createRun();
  const { disk, fill } = createSmallDisk(run.dir);
  expect(await reserveSpace(run, disk)).toBe(true);
  const writer = createEventWriter({ path: run.events, clock, disk });
  writer.append({ kind: "started", agentVersion: "0.1.0" });
  fill();
  for (let n = 0; n < 5000; n++) writer.log({ at: 1, stream: "build", text: `line ${n} ${"€".repeat(100)}` });
  await finishRun(run, writer, succeeded, clock, disk);
  writer.close();
  const events = (await readFile(run.events, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const lines = events.flatMap((event) => (event.kind === "log" ? event.lines : []));
  expect(lines.at(-1).text).toContain("line 4999 ");
  expect(lines.length).toBeGreaterThan(500);
  expect(events.at(-1)).toMatchObject({ kind: "finished" });
  expect(await readdir(run.dir)).toContain("outcome.json");
});

test("S17: an outcome that a full disk does not take is tried again once a second", async () => {
  const { run, disk, clock } = await createRun();
  let tries = 0;
  disk.failWhen(({ kind, path }) => {
    if (kind !== "create" || !path.includes("outcome.json")) return undefined;
    tries++;
    return "ENOSPC";
  });
  const written = writeOutcome(run, { outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 1 }, clock, disk);
  const untilItWaits = async () => {
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  };
  for (const seconds of [1, 2]) {
    await untilItWaits();
    expect(tries).toBe(seconds);
    clock.advance(999);
    expect(clock.waiting).toBe(1);
    clock.advance(1);
  }
  await untilItWaits();
  disk.failWhen(undefined);
  clock.advance(1000);
  await written;
  expect(await readdir(run.dir)).toEqual(["outcome.json"]);
});

test("S17: the end of a run gives all of the room that was held back all of it back", async () => {
  const { run, disk, clock } = await createRun();
  expect(await reserveSpace(run, disk)).toBe(true);
  const writer = createEventWriter({ path: run.events, clock, disk });
  disk.failWhen(({ kind }) => (kind === "write" && existsSync(run.reserve) ? "ENOSPC" : undefined));
  await finishRun(run, writer, succeeded, clock, disk);
  writer.close();
  expect((await readdir(run.dir)).sort()).toEqual(["events.jsonl", "outcome.json"]);
});

test("S17: where there is room for little more than the outcome, the lines that wait are cut and the run ends", async () => {
  const { run, clock } = await createRun();
  const writeSync: Disk["writeSync"] = (fd, bytes, offset, length) => {
    if (length > 4096) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    return machineDisk.writeSync(fd, bytes, offset, length);
  };
  const disk = { ...machineDisk, writeSync };
  const writer = createEventWriter({ path: run.events, clock, disk });
  for (let n = 0; n < 1000; n++) writer.log({ at: 1, stream: "build", text: "x".repeat(100) });
  await finishRun(run, writer, succeeded, clock, disk);
  writer.close();
  const events = (await readFile(run.events, "utf8")).trimEnd().split("\n");
  expect(events.map((line) => JSON.parse(line).kind)).toEqual(["warning", "finished"]);
});

test("S1: what the runner leaves for a daemon of another user is for the group to read, and for nobody else", async () => {
  setUsualUmask();
  const { run, clock } = await createRun();
  await rm(run.dir, { recursive: true });
  await beginRun(run, { ...request, runId });
  const writer = createEventWriter({ path: run.events, clock });
  const runner = { pid: 1, startTime: "1", bootId: "this" };
  createProcessRecord(run, { runner, startedAt: 1, deadlineAt: 2, child: null, activation: null });
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
  for (const path of [run.request, run.events, run.process]) expect(await modeOf(path), path).toBe(0o640);
  await finishRun(run, writer, succeeded, clock);
  writer.close();
  expect(await modeOf(run.outcome)).toBe(0o640);
  expect(await modeOf(run.dir)).toBe(0o750);
});

test("S9, S12: a fault of the disk that is no lack of space is an error: nobody waits for room, or is told that there is none", async () => {
  const { run, disk, clock } = await createRun();
  const runner = { pid: 1, startTime: "1", bootId: "this" };
  const record = createProcessRecord(run, { runner, startedAt: 1, deadlineAt: 2, child: null, activation: null }, disk);
  disk.failWhen(({ kind }) => (kind === "write" ? "EIO" : undefined));
  const activation = { closure, commit: null, mode: "boot", unit: null } as const;
  expect(() => record.beginActivation(activation)).toThrow("EIO");
  const written = writeOutcome(run, { outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 1 }, clock, disk);
  await expect(written).rejects.toThrow("EIO");
});

test("S12: of a run that is over no process is known any more", async () => {
  const { run, clock } = await createRun();
  await writeFile(run.process, "{}");
  await writeOutcome(run, { outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 1 }, clock);
  expect(await readdir(run.dir)).toEqual(["outcome.json"]);
});

test("an events' writer that is closed leaves no timer", async () => {
  const { run, clock } = await createRun();
  const writer = createEventWriter({ path: run.events, clock });
  const progress = {
    builds: { done: 0, expected: 1, running: 0, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [],
  };
  for (let i = 0; i < 2; i++) writer.progress(() => progress);
  writer.log({ at: 1, stream: "build", text: "x" });
  expect(clock.waiting).toBe(2);
  writer.close();
  expect(clock.waiting).toBe(0);
});

test("E8: a progress that is held back comes before the event that follows it", async () => {
  const { run, clock } = await createRun();
  const writer = createEventWriter({ path: run.events, clock });
  const progressOf = (done: number) => () => ({
    builds: { done, expected: 9, running: 0, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [],
  });
  for (const done of [1, 2]) writer.progress(progressOf(done));
  writer.append({ kind: "phase", phase: "diff" });
  writer.close();
  const events = (await readFile(run.events, "utf8")).trimEnd().split("\n");
  expect(events.map((line) => JSON.parse(line).kind)).toEqual(["progress", "progress", "phase"]);
});

test("S8: what the events of a killed run say is taken from all of them", async () => {
  const { run, clock } = await createRun();
  const writer = createEventWriter({ path: run.events, clock });
  const line = (stream: "activation" | "build") => ({ at: 1, stream, text: "x" });
  const events: RunEventBody[] = [
    { kind: "started", agentVersion: "0.1.0" },
    { kind: "phase", phase: "build" },
    { kind: "log", lines: [line("build"), line("activation"), line("activation")] },
    { kind: "armed", until: 5, back: closure },
    { kind: "phase", phase: "activate" },
    { kind: "log", lines: [line("activation")] },
    { kind: "deployed", deployment: { closure, commit: null, mode: "switch", runId, at: 1 } },
  ];
  for (const event of events) writer.append(event);
  writer.close();
  expect(await repairEvents(run.events)).toMatchObject({
    lastSeq: 7,
    last: { kind: "deployed" },
    activationLines: 3,
    armedBack: closure,
    hasDeployed: true,
    phase: "activate",
  });
});

test("S8: whole events behind one that is missing are cut off with it", async () => {
  const { run } = await createRun();
  const eventOf = (seq: number) => `{"seq":${seq},"at":1,"kind":"phase","phase":"fetch"}\n`;
  await writeFile(run.events, eventOf(1) + eventOf(3) + eventOf(4));
  expect(await repairEvents(run.events)).toMatchObject({ lastSeq: 1 });
  expect(await readFile(run.events, "utf8")).toBe(eventOf(1));
});

test("S15: with the events goes all that only they need, roots of the garbage collector too; request and outcome stay", async () => {
  const { dir, run, clock } = await createRun();
  const needed = [run.events, run.activationOutput, run.permanentOutput, run.undoOutput, run.result, run.roots];
  for (const path of [...needed, run.request]) await writeFile(path, "x");
  await writeOutcome(run, { outcome: { state: "succeeded" }, lastSeq: 7, endedAt: 1000 }, clock);
  const keep = { events: 1000, eventBytes: 1e9, record: 1e9 };
  await pruneSpools(dir.path, { [runId]: 6 }, 1e6, keep);
  // What nobody has stored stays; the closures that it built are not held back by it.
  expect((await readdir(run.dir)).sort()).toEqual([
    "activation.log",
    "events.jsonl",
    "outcome.json",
    "permanent.log",
    "request.json",
    "undo.log",
  ]);
  for (const path of [run.result, run.roots]) await writeFile(path, "x");
  await pruneSpools(dir.path, { [runId]: 7 }, 2000, keep);
  expect(await readdir(run.dir)).toHaveLength(8);
  await pruneSpools(dir.path, { [runId]: 7 }, 2001, keep);
  expect((await readdir(run.dir)).sort()).toEqual(["outcome.json", "request.json"]);
});

test("S15: a run without an outcome, or with one that cannot be read, is never removed", async () => {
  const { dir, run } = await createRun();
  await writeFile(run.events, "x");
  const all = { events: 0, eventBytes: 0, record: 0 };
  await pruneSpools(dir.path, { [runId]: 100 }, 1e9, all);
  await writeFile(run.outcome, "{");
  await pruneSpools(dir.path, { [runId]: 100 }, 1e9, all);
  expect((await readdir(run.dir)).sort()).toEqual(["events.jsonl", "outcome.json"]);
});
