import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { RunEventBody, RunId } from "@nixfleet/protocol";
import { type Disk, machineDisk } from "@nixfleet/runtime";
import { createFakeClock, createFaultyDisk, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createEventWriter } from "./event-writer.ts";
import { runnerLayout } from "./layout.ts";
import { pruneSpools } from "./prune.ts";
import { finishRun, reserveSpace, writeOutcome } from "./run-record.ts";
import { repairEvents } from "./torn-events.ts";

const runId = "01jd0000000000000000000001" as RunId;
const closure = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system";
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

test("S17: what cannot be held back leaves nothing that takes room", async () => {
  const { run, disk } = await createRun();
  disk.failWhen(({ kind }) => (kind === "write" ? "ENOSPC" : undefined));
  expect(await reserveSpace(run, disk)).toBe(false);
  expect(await readdir(run.dir)).toEqual([]);
  disk.failWhen(({ kind }) => (kind === "write" ? "EIO" : undefined));
  await expect(reserveSpace(run, disk)).rejects.toThrow("EIO");
});

test("S17: the end of a run has the room that was held back, and gives all of it back", async () => {
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

test("S12: of a run that is over no process is known any more", async () => {
  const { run, clock } = await createRun();
  await writeFile(run.process, "{}");
  await writeOutcome(run, { outcome: { state: "succeeded" }, lastSeq: 1, endedAt: 1 }, clock);
  expect(await readdir(run.dir)).toEqual(["outcome.json"]);
});

test("an events' writer that is closed leaves no timer", async () => {
  const { run, clock } = await createRun();
  const writer = createEventWriter({ path: run.events, clock });
  writer.log({ at: 1, stream: "build", text: "x" });
  const progress = {
    builds: { done: 0, expected: 1, running: 0, failed: 0 },
    copies: { done: 0, expected: 0 },
    bytes: { done: 0, expected: 0 },
    now: [],
  };
  for (let i = 0; i < 2; i++) writer.progress(() => progress);
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
