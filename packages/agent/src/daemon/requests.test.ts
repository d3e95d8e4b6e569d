import type { FromAgent, RunId, StartRun } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import type { RunRequest } from "../spool/shapes.ts";
import { nextRunId } from "./agent.fixture.ts";
import { createRequests } from "./requests.ts";

/** Requests over a queue and a spool in memory. */
function setUp({
  fault,
  isWritten = false,
  unstored = 0,
}: {
  fault?: NodeJS.ErrnoException;
  isWritten?: boolean;
  unstored?: number;
} = {}) {
  const clock = createFakeClock();
  const queue: RunRequest[] = [];
  const spool = new Map<RunId, "active" | "ended">();
  const cancelled: RunId[] = [];
  const sent: FromAgent[] = [];
  const repeated: RunId[] = [];
  let woken = 0;
  const requests = createRequests({
    files: {
      putRequest: async (request) => {
        if (fault === undefined || isWritten) queue.push(request);
        if (fault !== undefined) throw fault;
      },
      queued: async () => queue.map(({ runId }) => runId),
      askCancel: async (runId) => void cancelled.push(runId),
    },
    spool: {
      has: async (runId) => spool.has(runId),
      outcome: async (runId) =>
        spool.get(runId) === "ended" ? { kind: "refused", reason: "not read here" } : { kind: "missing" },
    },
    allowedOps: ["pull", "switch"],
    unstored: () => unstored,
    clock,
    log: createLog({ level: "error", clock, write: () => {}, secrets: [] }),
    send: (message) => sent.push(message) > 0,
    onQueued: () => woken++,
    onRepeated: (runId) => repeated.push(runId),
  });
  return { requests, queue, spool, cancelled, sent, repeated, woken: () => woken };
}

function startRun(more: Partial<StartRun> = {}): StartRun {
  return {
    type: "startRun",
    runId: nextRunId(),
    op: "pull",
    args: {},
    commit: null,
    deadline: 1000,
    askedBy: "ada",
    force: false,
    ...more,
  };
}

test("R12: the same run, asked for many times at once, is put into the queue once", async () => {
  const { requests, queue, repeated } = setUp();
  const message = startRun();
  await Promise.all(Array.from({ length: 5 }, () => requests.start(message)));
  expect(queue).toHaveLength(1);
  expect(repeated).toHaveLength(4);
});

test("R12: a run that has a spool is not put into the queue again", async () => {
  const { requests, queue, spool, repeated } = setUp();
  const message = startRun();
  spool.set(message.runId, "ended");
  await requests.start(message);
  expect(queue).toEqual([]);
  expect(repeated).toEqual([message.runId]);
});

test.each([
  ["ENOSPC", "disk-full"],
  ["EDQUOT", "disk-full"],
  ["EIO", "internal"],
])("a request that cannot be written (%s) ends its run as failed with %s: nothing of it is on the host", async (errno, code) => {
  const { requests, sent } = setUp({ fault: Object.assign(new Error(`${errno}: write`), { code: errno }) });
  const message = startRun();
  await requests.start(message);
  expect(sent).toMatchObject([
    { type: "runEvents", runId: message.runId, events: [{ seq: 1, outcome: { state: "failed", code } }] },
  ]);
});

test("S4: a request that is in the queue though it could not be flushed will be done, and is not told as failed", async () => {
  const fault = Object.assign(new Error("EIO: fsync"), { code: "EIO" });
  const { requests, queue, sent, woken } = setUp({ fault, isWritten: true });
  await requests.start(startRun());
  expect(queue).toHaveLength(1);
  expect(sent).toEqual([]);
  expect(woken()).toBe(1);
});

test("a dashboard that asks without end fills neither disk nor queue", async () => {
  const { requests, queue, sent } = setUp();
  for (let i = 0; i < 60; i++) await requests.start(startRun());
  expect(queue).toHaveLength(50);
  expect(sent).toHaveLength(10);
  expect(sent[0]).toMatchObject({ type: "runRefused", code: "queue-full" });
});

test("R56: a dashboard that stores nothing of what it asked for gets no more runs", async () => {
  const { requests, queue, sent } = setUp({ unstored: 1000 });
  await requests.start(startRun());
  expect(queue).toEqual([]);
  expect(sent).toMatchObject([{ type: "runRefused", code: "queue-full", reason: expect.stringContaining("not stored 1000") }]);
});

test("L22: a request holds what was asked for, with the arguments as the op declares them, and the secret of its confirmation", async () => {
  const { requests, queue } = setUp();
  const confirmSecret = "secret-0123456789-0123456789-0123456789-abc";
  const message = startRun({ op: "switch", args: {}, commit: "a".repeat(40), force: true, confirmSecret });
  await requests.start(message);
  const { type: _, ...asked } = message;
  expect(queue).toEqual([{ ...asked, args: { mode: "switch" }, receivedAt: expect.any(Number) }]);
  await requests.start(startRun());
  expect(queue[1]).not.toHaveProperty("confirmSecret");
});

test("R10: what is no op, does not fit it, or is not this host's to do, is refused and leaves no file", async () => {
  const { requests, queue, sent, woken } = setUp();
  for (const asked of [{ op: "exec" }, { op: "pull", args: { url: "x" } }, { op: "test" }]) await requests.start(startRun(asked));
  expect(sent).toMatchObject(
    ["op-unknown", "arguments-invalid", "op-not-allowed-on-host"].map((code) => ({ type: "runRefused", code })),
  );
  expect([queue.length, woken()]).toEqual([0, 0]);
});

test("a deadline beyond a week is cut to a week, which is what a request holds", async () => {
  const { requests, queue } = setUp();
  await requests.start(startRun({ deadline: Number.MAX_SAFE_INTEGER }));
  expect(queue[0]?.deadline).toBe(604_800_000);
});

test("a cancel is asked for runs that wait or work, and leaves no file for others", async () => {
  const { requests, spool, cancelled, woken } = setUp();
  const [waiting, working, over] = [startRun(), nextRunId(), nextRunId()];
  await requests.start(waiting);
  spool.set(working, "active").set(over, "ended");
  for (const runId of [waiting.runId, working, over, nextRunId()]) await requests.cancel({ type: "cancelRun", runId });
  expect(cancelled).toEqual([waiting.runId, working]);
  // The request, and each cancel that somebody has to see.
  expect(woken()).toBe(3);
});
