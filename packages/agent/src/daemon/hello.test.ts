import type { RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createHello, type HelloDeps } from "./hello.ts";

const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;

function helloOf(given: {
  pending?: RunId[];
  queued?: RunId[];
  ended?: Record<RunId, number>;
  byHand?: RunId[];
  damaged?: RunId[];
}): { hello: ReturnType<typeof createHello>; steps: string[] } {
  const steps: string[] = [];
  const { pending = [], queued = [], ended = {}, byHand = [], damaged = [] } = given;
  const deps: HelloDeps = {
    self: {
      hostname: "gate",
      instance: "1",
      policy: { allowedOps: [], allowRewind: false, signed: false, confirmTimeout: 0 },
      settings: { tags: [], location: "x", deviceType: "server", themeColor: null, interval: 5, repoUrl: "/x" },
    },
    facts: {
      freshen: async () => void steps.push("facts"),
      all: () => ({ readAt: 1, facts: {} }),
    },
    scan: async () => void steps.push("scan"),
    files: { queued: async () => queued },
    spool: {
      outcome: async (runId) => {
        if (damaged.includes(runId)) return { kind: "refused", reason: "no JSON" };
        const lastSeq = ended[runId];
        if (lastSeq === undefined) return { kind: "missing" };
        return { kind: "ok", value: { outcome: { state: "succeeded" }, lastSeq, endedAt: 1 } };
      },
      lastSeq: async () => 3,
      isByHand: async (runId) => byHand.includes(runId),
    },
    shipper: {
      pending: () => {
        steps.push("pending");
        return pending;
      },
    },
  };
  return { hello: createHello(deps), steps };
}

test("L11: a hello names each run that waits, works, or is not stored whole, and how far it is", async () => {
  const { hello } = helloOf({
    pending: [idOf(1), idOf(2), idOf(3)],
    queued: [idOf(4)],
    ended: { [idOf(1)]: 9 },
    damaged: [idOf(3)],
  });
  expect((await hello()).runs).toEqual([
    { runId: idOf(1), state: "finished", lastSeq: 9 },
    { runId: idOf(2), state: "active", lastSeq: 3 },
    { runId: idOf(3), state: "finished", lastSeq: 3 },
    { runId: idOf(4), state: "queued", lastSeq: 0 },
  ]);
});

test("L11: a run that is being taken, so that it is in the queue and in the spool, is named once, as begun", async () => {
  const { hello } = helloOf({ pending: [idOf(1)], queued: [idOf(1)] });
  expect((await hello()).runs).toEqual([{ runId: idOf(1), state: "active", lastSeq: 3 }]);
});

test("a run of a person on the host itself is not named", async () => {
  const { hello } = helloOf({ pending: [idOf(1), idOf(2)], byHand: [idOf(1)] });
  expect((await hello()).runs.map(({ runId }) => runId)).toEqual([idOf(2)]);
});

test("L17: facts and spools are looked at for this very hello, before it is said what there is", async () => {
  const { hello, steps } = helloOf({});
  await hello();
  expect(steps).toEqual(["facts", "scan", "pending"]);
});

test("of more runs than a hello takes, the latest are named", async () => {
  const pending = Array.from({ length: 1200 }, (_, n) => idOf(n));
  const { hello } = helloOf({ pending });
  expect((await hello()).runs.map(({ runId }) => runId)).toEqual(pending.slice(200));
});
