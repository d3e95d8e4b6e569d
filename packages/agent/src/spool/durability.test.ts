import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Deployment, RunEvent, RunId } from "@nixfleet/protocol";
import { identifyProcess } from "@nixfleet/runtime";
import { createFakeClock, createFaultyDisk, createTempDir, type TempDir } from "@nixfleet/testkit";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { RunnerDeps } from "../runner/deps.ts";
import { recoverRuns } from "../runner/recover.ts";
import { takeNext } from "../runner/take-request.ts";
import { openQueue, queuedRuns } from "./daemon-entries.ts";
import { createDaemonFiles } from "./daemon-files.ts";
import { createSpoolReader } from "./event-reader.ts";
import { createEventWriter } from "./event-writer.ts";
import { runnerLayout } from "./layout.ts";
import { createLedger } from "./ledger.ts";
import { atEveryPowerLoss, createPromises } from "./power-loss.fixture.ts";
import { beginRun, createProcessRecord, finishRun } from "./run-record.ts";
import { type ActivationRecord, RequestRecord, RunProcess, type RunRequest } from "./shapes.ts";
import { repairEvents } from "./torn-events.ts";
import { readUntrustedJson } from "./untrusted-json.ts";

const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;
const runId = idOf(1);
const closure = "/nix/store/sn3sxk6b7myhr3sdbn7rri2y00ww7n6p-nixos-system";

function requestOf(id: RunId): RunRequest {
  return { runId: id, op: "pull", args: {}, commit: null, deadline: 1000, askedBy: "ada", force: false, receivedAt: 1 };
}

/** A host's two state directories on a disk that forgets. */
async function createHost() {
  const dir = await createTempDir();
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const disk = createFaultyDisk(dir.path);
  return { ...placesOf(dir.path), disk, clock: createFakeClock() };
}

function placesOf(root: string) {
  const [stateDir, runnerDir] = [join(root, "daemon"), join(root, "runner")];
  return { root, stateDir, runnerDir, run: runnerLayout(runnerDir).run(runId) };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

const eventsOf = async (path: string): Promise<RunEvent[]> =>
  (await read(path))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

test("S4: whenever the power goes, a request is in the queue whole or not at all, and is there once that is promised", async () => {
  const { stateDir, disk } = await createHost();
  const files = createDaemonFiles(stateDir, disk);
  const promises = createPromises<RunId>(disk);
  await files.prepare();
  for (const id of [idOf(1), idOf(2)]) {
    await files.putRequest(requestOf(id));
    promises.made(id);
  }
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    const { queue } = await openQueue(placesOf(root).stateDir);
    if (queue === undefined) return expect(promises.until(at)).toEqual([]);
    await using _queue = queue;
    const found = await queue.names();
    expect(found).toEqual(expect.arrayContaining(promises.until(at).map((id) => `${id}.json`)));
    for (const id of [idOf(1), idOf(2)]) expect((await queue.read(id)).kind).not.toBe("refused");
  });
});

test("S1, S5: whenever the power goes while a run is taken, the next runner does it once", async () => {
  const { stateDir, runnerDir, disk, clock } = await createHost();
  const files = createDaemonFiles(stateDir, disk);
  await files.prepare();
  await files.putRequest(requestOf(runId));
  const queued = disk.operations.length;
  const depsAt = (config: { stateDir: string; runnerDir: string }) => ({ config, clock, log: () => {} }) as unknown as RunnerDeps;
  expect(await takeNext({ ...depsAt({ stateDir, runnerDir }), disk })).toMatchObject({ runId });
  const takenAt = disk.operations.length;
  const inTheQueue = disk.operations.slice(queued).filter(({ path }) => path.startsWith("daemon"));
  expect(inTheQueue).toEqual([
    { kind: "unlink", path: `daemon/queue/${runId}.json` },
    { kind: "sync-directory", path: "daemon/queue" },
  ]);
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    if (at < queued) return;
    const deps = depsAt(placesOf(root));
    if (at === takenAt) expect(await queuedRuns(placesOf(root).stateDir)).toEqual([]);
    const left = await recoverRuns(deps, (text) => text);
    const taken = await takeNext(deps);
    expect([...left, ...(taken === undefined ? [] : [taken])].map((request) => request.runId)).toEqual([runId]);
    expect(await takeNext(deps)).toBeUndefined();
  });
});

type Step = { kind: "append" | "line"; count: number } | { kind: "send"; bytes: number } | { kind: "wait" };
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("append" as const, "line" as const), count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant("send" as const), bytes: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ kind: fc.constant("wait" as const) }),
  ),
  { minLength: 2, maxLength: 8 },
);

/** That an event which was sent is still there after a power loss, and nothing that was never written. */
async function expectSentIsKept(found: TempDir, written: readonly RunEvent[], sent: readonly RunEvent[]) {
  const { events } = placesOf(found.path).run;
  const { lastSeq } = await repairEvents(events);
  expect(lastSeq).toBeGreaterThanOrEqual(sent.at(-1)?.seq ?? 0);
  expect(await eventsOf(events)).toEqual(written.slice(0, lastSeq));
}

test("S7, S8: whatever is written and sent before the power goes, what was sent is there afterwards, and all that is there was written", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), async (given: Step[], moment) => {
      const { runnerDir, run, disk, clock } = await createHost();
      await beginRun(run, requestOf(runId), disk);
      const writer = createEventWriter({ path: run.events, clock, disk });
      await using cursor = createSpoolReader(runnerDir, disk).openEvents(runId, 0);
      const promises = createPromises<RunEvent[]>(disk);
      for (const step of given) {
        if (step.kind === "append")
          for (let n = 0; n < step.count; n++) writer.append({ kind: "warning", message: "x".repeat(n * 100) });
        if (step.kind === "line")
          for (let n = 0; n < step.count; n++) writer.log({ at: 1, stream: "build", text: "y".repeat(n * 100) });
        if (step.kind === "wait") clock.advance(50);
        if (step.kind === "send") {
          const sent = await cursor.read(step.bytes);
          if (sent.kind === "events") promises.made(sent.events);
        }
      }
      writer.close();
      const written = await eventsOf(run.events);
      const last = disk.operations.length;
      for (const survival of ["lost", "kept", "torn", "zeroed"] as const) {
        for (const at of [moment % last, last]) {
          await using found = await disk.afterPowerLoss(at, () => survival);
          await expectSentIsKept(found, written, promises.until(at).flat());
        }
      }
    }),
    { numRuns: 25 },
  );
});

test("S7: what the runner writes while the daemon reads is not sent before it is on the disk as well", async () => {
  const { runnerDir, run, disk, clock } = await createHost();
  await beginRun(run, requestOf(runId), disk);
  const writer = createEventWriter({ path: run.events, clock, disk });
  // More than is read from the file at once.
  for (let n = 0; n < 200; n++) writer.append({ kind: "warning", message: "x".repeat(1900) });
  await using cursor = createSpoolReader(runnerDir, disk).openEvents(runId, 0);
  let isFlushed = false;
  disk.onOperation(({ kind }) => {
    if (kind !== "sync-file" || isFlushed) return;
    isFlushed = true;
    writer.append({ kind: "warning", message: "written behind the flush" });
  });
  const sent = await cursor.read(1024 * 1024);
  writer.close();
  expect(sent.kind === "events" && sent.events.length).toBe(201);
  await using left = await disk.afterPowerLoss(disk.operations.length, () => "lost");
  expect((await repairEvents(placesOf(left.path).run.events)).lastSeq).toBe(201);
});

test("S6: a fault of the disk that is no lack of space leaves no torn event, and the numbers continue without a gap", async () => {
  const { run, disk, clock } = await createHost();
  await beginRun(run, requestOf(runId), disk);
  const writer = createEventWriter({ path: run.events, clock, disk });
  writer.append({ kind: "phase", phase: "fetch" });
  disk.failWhen(({ kind }) => (kind === "write" ? "EIO" : undefined));
  writer.log({ at: 1, stream: "build", text: "x".repeat(100) });
  expect(() => writer.append({ kind: "phase", phase: "build" })).toThrow("EIO");
  disk.failWhen(undefined);
  writer.append({ kind: "phase", phase: "diff" });
  writer.close();
  const events = await eventsOf(run.events);
  expect(events.map(({ seq, kind }) => [seq, kind])).toEqual([
    [1, "phase"],
    [2, "log"],
    [3, "phase"],
    [4, "phase"],
  ]);
});

test("S12: whenever the power goes at the end of a run, an outcome that is there has all events before it", async () => {
  const { run, disk, clock, runnerDir } = await createHost();
  await beginRun(run, requestOf(runId), disk);
  const writer = createEventWriter({ path: run.events, clock, disk });
  writer.append({ kind: "started", agentVersion: "0.1.0" });
  writer.log({ at: 1, stream: "build", text: "the last words" });
  await finishRun(run, writer, { outcome: { state: "succeeded" }, proof: undefined }, clock, disk);
  writer.close();
  const over = disk.operations.length;
  const written = await eventsOf(run.events);
  expect(await createSpoolReader(runnerDir).outcome(runId)).toMatchObject({ kind: "ok", value: { lastSeq: 3 } });
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    const outcome = await createSpoolReader(placesOf(root).runnerDir).outcome(runId);
    expect(outcome.kind).not.toBe("refused");
    if (at === over) expect(outcome.kind).toBe("ok");
    if (outcome.kind === "ok") expect(await eventsOf(placesOf(root).run.events)).toEqual(written);
  });
});

test.each(["write", "sync-file", "create"] as const)(
  "S17: the end of a run waits while the disk is full (at its %s), and is on the disk when there is room",
  async (kind) => {
    const { run, disk, clock, runnerDir } = await createHost();
    await beginRun(run, requestOf(runId), disk);
    const writer = createEventWriter({ path: run.events, clock, disk });
    const isOutcome = (path: string) => path.includes("outcome.json");
    disk.failWhen((operation) => (operation.kind === kind && isOutcome(operation.path) ? "ENOSPC" : undefined));
    let isOver = false;
    const done = finishRun(run, writer, { outcome: { state: "succeeded" }, proof: undefined }, clock, disk).then(() => {
      isOver = true;
    });
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    disk.failWhen(undefined);
    clock.advance(1000);
    await done;
    writer.close();
    await using left = await disk.afterPowerLoss(disk.operations.length, () => "lost");
    expect(await createSpoolReader(placesOf(left.path).runnerDir).outcome(runId)).toMatchObject({ kind: "ok" });
    expect(await createSpoolReader(runnerDir).lastSeq(runId)).toBe(1);
  },
);

/** What a run's files say of its processes as long as nothing is activated. */
function processBefore(): RunProcess {
  const runner = identifyProcess();
  if (runner === undefined) throw new Error("this process cannot find itself in the process table");
  return { runner, startedAt: 1, deadlineAt: 2, child: null, activation: null };
}
const activation = { closure, commit: null, mode: "boot", unit: null } as ActivationRecord;

test("S9: whenever the power goes, that an activation was begun is known, however often the processes are recorded afterwards", async () => {
  const { run, disk } = await createHost();
  await beginRun(run, requestOf(runId), disk);
  const initial = processBefore();
  const record = createProcessRecord(run, initial, disk);
  record.setChild(initial.runner);
  expect(record.beginActivation(activation)).toBe(true);
  const begun = disk.operations.length;
  for (const child of [initial.runner, null, initial.runner]) record.setChild(child);
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    if (at < begun) return;
    const found = await readUntrustedJson(placesOf(root).run.process, RunProcess);
    expect(found).toMatchObject({ kind: "ok", value: { activation } });
  });
});

test("S9: what cannot be recorded for want of space is not begun, and what follows does not say that it was", async () => {
  const { run, disk } = await createHost();
  await beginRun(run, requestOf(runId), disk);
  const record = createProcessRecord(run, processBefore(), disk);
  disk.failWhen(({ kind }) => (kind === "write" ? "ENOSPC" : undefined));
  expect(record.beginActivation(activation)).toBe(false);
  disk.failWhen(undefined);
  record.setChild(null);
  expect(await readUntrustedJson(run.process, RunProcess)).toMatchObject({ kind: "ok", value: { activation: null } });
});

const deployment = (at: number): Deployment => ({ closure, commit: null, mode: "switch", runId, at });

test.each([
  ["an empty ledger", 0],
  ["a ledger that has grown too large", 9000],
])(
  "S13: whenever the power goes, deployments that were recorded in %s are there, and the next one is recorded behind them",
  async (_name, before) => {
    await using dir = await createTempDir();
    const path = join(dir.path, "deployments.jsonl");
    const lines = Array.from({ length: before }, (_, n) => `${JSON.stringify(deployment(n))}\n`);
    if (before > 0) await writeFile(path, lines.join(""));
    const disk = createFaultyDisk(dir.path);
    const ledger = createLedger(path, disk);
    const promises = createPromises<Deployment>(disk);
    for (const at of [before, before + 1]) {
      await ledger.add(deployment(at));
      promises.made(deployment(at));
    }
    await atEveryPowerLoss(disk, async ({ root, at }) => {
      const found = join(root, "deployments.jsonl");
      const after = createLedger(found);
      await after.add(deployment(20_000));
      const recorded = (await after.read()).map((one) => one.at);
      expect(recorded.at(-1)).toBe(20_000);
      expect(recorded).toEqual(expect.arrayContaining(promises.until(at).map((one) => one.at)));
      if (at === disk.operations.length) expect((await readFile(found, "utf8")).split("\n").length).toBeLessThan(600);
    });
  },
);

test("S14: whenever the power goes, what the dashboard has acknowledged is read whole, and no less once that is promised", async () => {
  const { stateDir, disk } = await createHost();
  const files = createDaemonFiles(stateDir, disk);
  await files.prepare();
  const promises = createPromises<number>(disk);
  promises.made(0);
  for (const seq of [3, 7]) {
    await files.writeAcknowledged({ runs: { [runId]: seq } });
    promises.made(seq);
  }
  await atEveryPowerLoss(disk, async ({ root, at }) => {
    const found = await createDaemonFiles(placesOf(root).stateDir).readAcknowledged();
    expect(found.kind).not.toBe("refused");
    const seq = found.kind === "ok" ? (found.value.runs[runId] ?? 0) : 0;
    expect(seq).toBeGreaterThanOrEqual(Math.max(...promises.until(at), 0));
    expect([0, 3, 7]).toContain(seq);
  });
});

test("S8: what is cut off behind a torn event is gone after the next power loss as well, and what is reported then is in its place", async () => {
  await using dir = await createTempDir();
  const { run } = placesOf(dir.path);
  await mkdir(run.dir, { recursive: true });
  await writeFile(run.events, '{"seq":1,"at":1,"kind":"phase","phase":"fetch"}\n{"seq":2,"at":1,"ki');
  await appendFile(run.request, JSON.stringify(requestOf(runId)));
  const disk = createFaultyDisk(dir.path);
  const repaired = await repairEvents(run.events, disk);
  const writer = createEventWriter({ path: run.events, clock: createFakeClock(), disk, lastSeq: repaired.lastSeq });
  writer.append({ kind: "phase", phase: "build" });
  writer.sync();
  writer.close();
  await using left = await disk.afterPowerLoss(disk.operations.length, () => "lost");
  expect((await eventsOf(placesOf(left.path).run.events)).map(({ seq }) => seq)).toEqual([1, 2]);
  expect(await readUntrustedJson(placesOf(left.path).run.request, RequestRecord)).toMatchObject({ kind: "ok" });
});
