import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { FromAgent, RunId, StartRun } from "@nixfleet/protocol";
import { readFromDashboard } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { nextRunId } from "./agent.fixture.ts";
import { createRequests } from "./requests.ts";

// A dashboard that sends faster than the disk of the host answers.

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
function heapAfterCollection(): number {
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().external;
}

/** Requests over a disk that answers nothing until it is released. */
function setUp() {
  const clock = createFakeClock();
  const disk = Promise.withResolvers<RunId[]>();
  const sent: FromAgent[] = [];
  const cancelled: RunId[] = [];
  const lines: { event: string }[] = [];
  const requests = createRequests({
    files: {
      queued: () => disk.promise,
      putRequest: async () => {},
      askCancel: async (runId) => void cancelled.push(runId),
    },
    spool: { has: async () => true, outcome: async () => ({ kind: "missing" }) },
    allowedOps: ["pull"],
    unstored: () => 0,
    clock,
    log: createLog({ level: "info", clock, write: (line) => lines.push(JSON.parse(line)), secrets: [] }),
    send: (message) => sent.push(message) > 0,
    onQueued: () => {},
    onRepeated: () => {},
  });
  return { requests, sent, cancelled, lines, release: () => disk.resolve([]) };
}

const start = (more: Partial<StartRun> = {}): StartRun => ({
  type: "startRun",
  runId: nextRunId(),
  op: "pull",
  args: {},
  commit: null,
  deadline: 1000,
  askedBy: "eve",
  force: false,
  ...more,
});

test("R56: of starts of a mebibyte each that wait for the disk, nothing stays in memory but what they ask for", async () => {
  const { requests, release } = setUp();
  const names = Array.from({ length: 22_000 }, (_, i) => [`argument-without-any-meaning-${i}`, 1]);
  const text = JSON.stringify(start({ args: Object.fromEntries(names) }));
  expect(text.length).toBeGreaterThan(700_000);
  const before = heapAfterCollection();
  const waiting: Promise<void>[] = [];
  for (let i = 0; i < 60; i++) {
    const read = readFromDashboard(text);
    if (read.kind !== "message" || read.message.type !== "startRun") throw new Error("not read");
    waiting.push(requests.start({ ...read.message, runId: nextRunId() }));
  }
  expect(heapAfterCollection() - before).toBeLessThan(10 * 1024 * 1024);
  release();
  await Promise.all(waiting);
}, 60_000);

test("R56: more messages than a thousand do not wait: starts are refused at once, cancels are dropped, the same cancel waits once", async () => {
  const { requests, sent, cancelled, lines, release } = setUp();
  const runId = nextRunId();
  const waiting = Array.from({ length: 5000 }, () => requests.cancel({ type: "cancelRun", runId }));
  waiting.push(...Array.from({ length: 5000 }, () => requests.start(start())));
  expect(sent).toHaveLength(4001);
  expect(new Set(sent.map((message) => message.type === "runRefused" && message.code))).toEqual(new Set(["queue-full"]));
  waiting.push(requests.cancel({ type: "cancelRun", runId: nextRunId() }));
  expect(lines.at(-1)?.event).toBe("cancel-dropped");
  release();
  await Promise.all(waiting);
  expect(cancelled).toEqual([runId]);
  // Afterwards there is room again.
  await requests.cancel({ type: "cancelRun", runId });
  expect(cancelled).toEqual([runId, runId]);
});
