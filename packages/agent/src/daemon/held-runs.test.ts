import type { HeldRun, RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import type { RequestRecord } from "../spool/shapes.ts";
import { createHeldRuns } from "./held-runs.ts";

const DAY = 24 * 60 * 60_000;
const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;
const writers = [{ id: "a".repeat(32), afterSeq: 0 }];
const outcome = { state: "succeeded" } as const;
const request = {
  op: "test",
  args: {},
  commit: null,
  deadline: 1000,
  askedBy: "ada",
  force: false,
  receivedAt: 1,
  confirmSecret: "s".repeat(40),
};

interface Given {
  /** Not stored whole by the dashboard. */
  pending?: RunId[];
  queued?: RunId[];
  /** Spools, with the seq of their last event; those in `ended` have an outcome from so many milliseconds ago. */
  spools?: RunId[];
  ended?: Record<RunId, { lastSeq: number; ago: number; reason?: string }>;
  byHand?: RunId[];
  damaged?: RunId[];
}

function heldRunsOf({ pending = [], queued = [], spools = pending, ended = {}, byHand = [], damaged = [] }: Given) {
  const clock = createFakeClock();
  const reads: RunId[] = [];
  const held = createHeldRuns({
    clock,
    files: {
      queued: async () => queued,
      readRequest: async (runId) => ({ kind: "ok", value: { ...request, runId } }),
    },
    spool: {
      runs: async () => spools,
      outcome: async (runId) => {
        reads.push(runId);
        if (damaged.includes(runId)) return { kind: "refused", reason: "no JSON" };
        const end = ended[runId];
        if (end === undefined) return { kind: "missing" };
        const told = end.reason === undefined ? outcome : { ...outcome, reason: end.reason };
        return { kind: "ok", value: { outcome: told, lastSeq: end.lastSeq, endedAt: clock.now() - end.ago } };
      },
      request: async (runId) => {
        if (!spools.includes(runId)) return { kind: "missing" };
        const value: RequestRecord = { ...request, runId, ...(byHand.includes(runId) ? { byHand: true } : {}) };
        return { kind: "ok", value };
      },
      lastSeq: async () => 3,
      writers: async () => writers,
    },
    shipper: { pending: () => pending },
  });
  return { held, clock, reads };
}

const short = (runs: HeldRun[]) => runs.map(({ runId, state, lastSeq }) => [runId, state, lastSeq]);

test("L11: each run that waits, is active, or is not stored whole is listed, with who wrote it and how it ended", async () => {
  const { held, clock } = heldRunsOf({
    pending: [idOf(1), idOf(2), idOf(3)],
    queued: [idOf(4)],
    ended: { [idOf(1)]: { lastSeq: 9, ago: 5 } },
    damaged: [idOf(3)],
  });
  expect(await held.list()).toEqual([
    { runId: idOf(2), state: "active", lastSeq: 3, writers },
    { runId: idOf(4), state: "queued", lastSeq: 0 },
    { runId: idOf(1), state: "finished", lastSeq: 9, writers, outcome, endedAt: clock.now() - 5 },
    { runId: idOf(3), state: "finished", lastSeq: 3, writers },
  ]);
});

test("L11: a run that is being taken, so that it is in the queue and in the spool, is listed once, as active", async () => {
  const { held } = heldRunsOf({ pending: [idOf(1)], queued: [idOf(1)] });
  expect(short(await held.list())).toEqual([[idOf(1), "active", 3]]);
});

test("R67: runs that were stored whole are listed for a week: the dashboard may have lost them since", async () => {
  const ended = { [idOf(1)]: { lastSeq: 9, ago: 8 * DAY }, [idOf(2)]: { lastSeq: 7, ago: 6 * DAY } };
  const { held } = heldRunsOf({ spools: [idOf(1), idOf(2)], ended });
  expect(short(await held.list())).toEqual([[idOf(2), "finished", 7]]);
});

test("a run of a person on the host itself is neither listed nor reported", async () => {
  const { held } = heldRunsOf({ pending: [idOf(1), idOf(2)], byHand: [idOf(1)] });
  expect(short(await held.list())).toEqual([[idOf(2), "active", 3]]);
  expect(await held.report(idOf(1))).toBeNull();
});

test("of more runs than a hello takes, those that are not finished come first, then the oldest that are not stored", async () => {
  const ids = Array.from({ length: 1200 }, (_, n) => idOf(n));
  const ended = Object.fromEntries(ids.slice(0, 1100).map((id) => [id, { lastSeq: 1, ago: 5 }]));
  const { held } = heldRunsOf({ pending: ids, ended });
  const listed = (await held.list()).map(({ runId }) => runId);
  expect(listed).toEqual([...ids.slice(1100), ...ids.slice(0, 900)]);
});

test("R38: outcomes of any length leave a list that fits into a frame; every run stays in it", async () => {
  const ids = Array.from({ length: 900 }, (_, n) => idOf(n));
  const ended = Object.fromEntries(ids.map((id) => [id, { lastSeq: 1, ago: 5, reason: "x".repeat(500) }]));
  const { held } = heldRunsOf({ pending: ids, ended });
  const listed = await held.list();
  expect(listed).toHaveLength(900);
  expect(JSON.stringify(listed).length).toBeLessThan(700_000);
  expect(listed.at(0)).toHaveProperty("outcome");
  expect(listed.at(-1)).not.toHaveProperty("outcome");
});

test("what has finished is read once, what is active each time", async () => {
  const { held, reads } = heldRunsOf({ pending: [idOf(1), idOf(2)], ended: { [idOf(1)]: { lastSeq: 9, ago: 5 } } });
  await held.list();
  await held.list();
  expect(reads.filter((runId) => runId === idOf(1))).toHaveLength(1);
  expect(reads.filter((runId) => runId === idOf(2)).length).toBeGreaterThan(1);
});

test("R67: a report tells the request as well, in the queue and after; of what the host does not have, that it has nothing", async () => {
  const { held } = heldRunsOf({ pending: [idOf(1)], queued: [idOf(2)] });
  expect(await held.report(idOf(1))).toEqual({ state: "active", lastSeq: 3, writers, request });
  expect(await held.report(idOf(2))).toEqual({ state: "queued", lastSeq: 0, request });
  expect(await held.report(idOf(3))).toBeNull();
});
