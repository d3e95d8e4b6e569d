import { writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
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
  const watch = createRunWatch({
    runnerDir: dir.path,
    spool: createSpoolReader(dir.path),
    log: createLog({ level: "error", clock, write: (line) => calls.push(line), secrets: [] }),
    onRun: (runId, { ended, lastSeq }) => {
      calls.push(`run ${runId.at(-1)} ${ended ? `ended at ${lastSeq}` : "active"}`);
      onRun?.(runId, layout.run(runId));
    },
    onChange: (runId) => void calls.push(`change ${runId.at(-1)}`),
    onEnd: (runId) => void calls.push(`end ${runId.at(-1)}`),
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

test("a run is told when it begins, and when it has ended: once, and after a last look at what it wrote", async () => {
  const { watch, calls, begin, end } = await setUp();
  await begin(idOf(1));
  await watch.scan();
  expect(calls[0]).toBe("run 1 active");
  expect(watch.active()).toEqual([idOf(1)]);
  await end(idOf(1));
  await watch.scan();
  await watch.scan();
  expect(calls.filter((call) => call === "end 1")).toHaveLength(1);
  // One call before it is looked whether it has ended, and one after: what was written in between is not left behind.
  expect(calls.slice(-3)).toEqual(["change 1", "change 1", "end 1"]);
  expect(watch.active()).toEqual([]);
});

test("a run that had ended when it was found comes with its last seq, and is never active", async () => {
  const { watch, calls, begin, end } = await setUp();
  await begin(idOf(2));
  await end(idOf(2));
  await watch.scan();
  expect(calls).toEqual(["run 2 ended at 4"]);
  expect(watch.active()).toEqual([]);
});

test("a run that ends while it is told that it began is told as ended in the same scan", async () => {
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

test("a run whose directory is gone is active no more, and a new one of its name is a new run", async () => {
  const { watch, layout, calls, begin } = await setUp();
  await begin(idOf(4));
  await watch.scan();
  await rm(layout.run(idOf(4)).dir, { recursive: true });
  await watch.scan();
  expect(watch.active()).toEqual([]);
  await begin(idOf(4));
  await watch.scan();
  expect(calls.filter((call) => call === "run 4 active")).toHaveLength(2);
});
