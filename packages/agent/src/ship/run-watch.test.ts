import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import type { RunId } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../log.ts";
import { createSpoolReader } from "../spool/event-reader.ts";
import { type RunLayout, runnerLayout } from "../spool/layout.ts";
import { writeOutcome } from "../spool/run-record.ts";
import { createRunWatch } from "./run-watch.ts";

const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;

/** A watch of a directory that is there, seen by scans: what the kernel says meanwhile adds to that and changes nothing. */
async function setUp({ onRun }: { onRun?: (runId: RunId, run: RunLayout) => void } = {}) {
  const dir = await createTempDir();
  const layout = runnerLayout(dir.path);
  await mkdir(layout.runs, { recursive: true });
  const clock = createFakeClock();
  const calls: string[] = [];
  const spool = createSpoolReader(dir.path);
  const watch = createRunWatch({
    runnerDir: dir.path,
    spool: {
      ...spool,
      async outcome(runId) {
        const outcome = await spool.outcome(runId);
        if (outcome.kind !== "missing") calls.push(`outcome ${runId.at(-1)}`);
        return outcome;
      },
    },
    log: createLog({ level: "error", clock, write: (line) => calls.push(line), secrets: [] }),
    onRun: (runId, { ended, lastSeq }) => {
      calls.push(`run ${runId.at(-1)} ${ended ? `ended at ${lastSeq}` : "active"}`);
      onRun?.(runId, layout.run(runId));
    },
    onChange: (runId) => void calls.push(`change ${runId.at(-1)}`),
    onEnd: (runId) => void calls.push(`end ${runId.at(-1)}`),
    onGone: (runId) => void calls.push(`gone ${runId.at(-1)}`),
  });
  onTestFinished(async () => {
    await watch[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });
  const begin = (runId: RunId) => mkdir(layout.run(runId).dir);
  const end = (runId: RunId) =>
    writeOutcome(layout.run(runId), { outcome: { state: "succeeded" }, lastSeq: 4, endedAt: 1 }, clock);
  return { watch, layout, calls, begin, end };
}

test("a run is reported when it begins, and when it has ended: once, and after a last look at what it wrote", async () => {
  const { watch, calls, begin, end } = await setUp();
  await begin(idOf(1));
  await watch.scan();
  expect(calls[0]).toBe("run 1 active");
  expect(watch.active()).toEqual([idOf(1)]);
  await end(idOf(1));
  await watch.scan();
  await watch.scan();
  expect(calls.filter((call) => call === "end 1")).toHaveLength(1);
  // What was written before the outcome was seen is not left behind.
  expect(calls.slice(calls.indexOf("end 1") - 2).slice(0, 3)).toEqual(["outcome 1", "change 1", "end 1"]);
  expect(watch.active()).toEqual([]);
});

test("a run that had ended when it was found comes with its last seq, and is never active", async () => {
  const { watch, calls, begin, end } = await setUp();
  await begin(idOf(2));
  await end(idOf(2));
  await watch.scan();
  expect(calls).toEqual(["outcome 2", "run 2 ended at 4"]);
  expect(watch.active()).toEqual([]);
});

test("a run that ends while its start is being reported is reported as ended in the same scan", async () => {
  const { watch, calls, begin } = await setUp({
    onRun: (runId, { outcome }) => {
      writeFileSync(outcome, JSON.stringify({ outcome: { state: "succeeded" }, lastSeq: 4, endedAt: 1 }));
      expect(runId).toBe(idOf(3));
    },
  });
  await begin(idOf(3));
  await watch.scan();
  expect(calls.filter((call) => call === "end 3")).toHaveLength(1);
});

test("a run is seen to begin, to go on and to end as the kernel tells of it, without another scan", async () => {
  const { watch, layout, calls, begin, end } = await setUp();
  await watch.scan();
  await begin(idOf(5));
  await expect.poll(() => calls).toContain("change 5");
  const before = calls.length;
  await writeFile(layout.run(idOf(5)).events, "x");
  await expect.poll(() => calls.slice(before)).toContain("change 5");
  await end(idOf(5));
  await expect.poll(() => calls).toContain("end 5");
});

test("a run whose directory is gone is active no more, which is told once, and a new one of its name is a new run", async () => {
  const { watch, layout, calls, begin } = await setUp();
  await begin(idOf(4));
  await watch.scan();
  await rm(layout.run(idOf(4)).dir, { recursive: true });
  await watch.scan();
  await watch.scan();
  expect(watch.active()).toEqual([]);
  expect(calls.filter((call) => call.startsWith("gone"))).toEqual(["gone 4"]);
  await begin(idOf(4));
  await watch.scan();
  expect(calls.filter((call) => call === "run 4 active")).toHaveLength(2);
});

/** A watch of runs that are not on the disk: the kernel has nothing to say of them. */
function setUpWithoutKernel() {
  const present: RunId[] = [];
  const ended = new Set<RunId>();
  const lists: PromiseWithResolvers<void>[] = [];
  const calls: string[] = [];
  let isHeld = false;
  const watch = createRunWatch({
    runnerDir: "/nowhere",
    spool: {
      async runs() {
        const list = Promise.withResolvers<void>();
        const found = [...present];
        lists.push(list);
        if (isHeld) await list.promise;
        return found;
      },
      outcome: async (runId) =>
        ended.has(runId)
          ? { kind: "ok", value: { outcome: { state: "succeeded" }, lastSeq: 4, endedAt: 1 } }
          : { kind: "missing" },
    },
    log: createLog({ level: "error", clock: createFakeClock(), write: (line) => calls.push(line), secrets: [] }),
    onRun: (runId) => void calls.push(`run ${runId.at(-1)}`),
    onChange: (runId) => void calls.push(`change ${runId.at(-1)}`),
    onEnd: (runId) => void calls.push(`end ${runId.at(-1)}`),
    onGone: () => {},
  });
  return { watch, present, ended, lists, calls, holdLists: (hold: boolean) => (isHeld = hold) };
}

test("where the kernel gives no watch, each scan looks at every run that is active, and sees the end of one", async () => {
  const { watch, present, ended, calls } = setUpWithoutKernel();
  present.push(idOf(6));
  await watch.scan();
  expect(calls.splice(0)).toEqual(["run 6", "change 6"]);
  await watch.scan();
  expect(calls.splice(0)).toEqual(["change 6"]);
  ended.add(idOf(6));
  await watch.scan();
  expect(calls).toEqual(["change 6", "change 6", "end 6"]);
});

test("a scan that is asked for during another one sees what the other one no longer could", async () => {
  const { watch, present, lists, calls, holdLists } = setUpWithoutKernel();
  holdLists(true);
  const first = watch.scan();
  while (lists.length < 1) await new Promise((resolve) => setImmediate(resolve));
  present.push(idOf(7));
  const second = watch.scan();
  lists[0]?.resolve();
  while (lists.length < 2) await new Promise((resolve) => setImmediate(resolve));
  lists[1]?.resolve();
  await Promise.all([first, second]);
  expect(calls).toContain("run 7");
});

test("a watch that is closed during a scan waits for that one alone, and knows of no run any more", async () => {
  const { watch, present, lists, holdLists } = setUpWithoutKernel();
  present.push(idOf(8));
  await watch.scan();
  holdLists(true);
  void watch.scan();
  while (lists.length < 2) await new Promise((resolve) => setImmediate(resolve));
  void watch.scan();
  const closed = watch[Symbol.asyncDispose]();
  holdLists(false);
  lists[1]?.resolve();
  await closed;
  expect(lists).toHaveLength(2);
  expect(watch.active()).toEqual([]);
});

/** Directories that this process watches, by proc(5): `inotify wd:…` in what it says of a file descriptor. */
function countWatches(): number {
  return readdirSync("/proc/self/fdinfo")
    .map((fd) => (existsSync(`/proc/self/fdinfo/${fd}`) ? readFileSync(`/proc/self/fdinfo/${fd}`, "utf8") : ""))
    .reduce((sum, text) => sum + text.split("\n").filter((line) => line.startsWith("inotify wd:")).length, 0);
}

test.runIf(process.platform === "linux")(
  "the kernel's watches, which are few, are given back: of each run at its end, of all when the watch is closed",
  async () => {
    const before = countWatches();
    const { watch, layout, begin, end } = await setUp();
    for (const n of [1, 2, 3]) await begin(idOf(n));
    await watch.scan();
    expect(countWatches() - before).toBe(4);
    await end(idOf(1));
    await watch.scan();
    expect(countWatches() - before).toBe(3);
    await rm(layout.run(idOf(2)).dir, { recursive: true });
    await watch.scan();
    expect(countWatches() - before).toBe(2);
    await watch[Symbol.asyncDispose]();
    expect(countWatches() - before).toBe(0);
  },
);
