import type { QueueReason, RunHold, RunId } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dispatchOrder } from "./dispatch-order.ts";
import { runningRun, sampleOrder } from "./run.fixture.ts";
import { newRun, type Run } from "./run.ts";

const idOf = (place: number) => `01j${String(place).padStart(23, "0")}` as RunId;
const hold: RunHold = { by: "window", reason: "Waits for its window.", until: null };

type Kind = "queued" | "held" | "starting" | "running" | "proving";

function runOfKind(kind: Kind, place: number): Run {
  const id = idOf(place);
  switch (kind) {
    case "queued":
    case "held":
      return newRun(sampleOrder({ id }), { queueReason: "host-busy", hold: kind === "held" ? hold : null });
    case "starting": {
      const { startedAt: _, slow: __, phases: ___, deployed: ____, armed: _____, ...sent } = runningRun({ id });
      return { ...sent, stage: "starting", state: "starting" };
    }
    case "running":
      return runningRun({ id });
    case "proving":
      return { ...runningRun({ id }), stage: "proving", awaitedProof: { hostTime: 1, endedAt: 1, until: 2, reason: null } };
  }
}

interface Case {
  title: string;
  runs: Kind[];
  connected?: boolean;
  /** Places of the runs that may start, in order. */
  next: number[];
  waiting?: Record<number, QueueReason>;
}

const cases: Case[] = [
  { title: "a host without runs has nothing to do", runs: [], next: [] },
  { title: "what waits for an idle host may start", runs: ["queued"], next: [0] },
  { title: "the oldest comes first", runs: ["queued", "queued", "queued"], next: [0, 1, 2] },
  { title: "a host that is away starts nothing", runs: ["queued"], connected: false, next: [], waiting: { 0: "host-offline" } },
  { title: "while a run is sent, those behind it wait", runs: ["starting", "queued"], next: [], waiting: { 1: "host-busy" } },
  { title: "while a run works, those behind it wait", runs: ["running", "queued"], next: [], waiting: { 1: "host-busy" } },
  { title: "while a run is proven, those behind it wait", runs: ["proving", "queued"], next: [], waiting: { 1: "host-busy" } },
  {
    title: "a run at work keeps an older one waiting too: a clock was set back",
    runs: ["queued", "running"],
    next: [],
    waiting: { 0: "host-busy" },
  },
  { title: "what is held does not start", runs: ["held"], next: [], waiting: { 0: "held" } },
  { title: "what is held keeps none behind it from its turn", runs: ["held", "queued"], next: [1], waiting: { 0: "held" } },
  {
    title: "what is held says so first, whatever else keeps it",
    runs: ["running", "held", "queued"],
    connected: false,
    next: [],
    waiting: { 1: "held", 2: "host-offline" },
  },
];

test.each(cases)("$title", ({ runs, connected = true, next, waiting = {} }) => {
  const order = dispatchOrder(
    runs.map((kind, place) => runOfKind(kind, place)),
    connected,
  );
  expect(order.next.map(({ id }) => id)).toEqual(next.map(idOf));
  expect(Object.fromEntries(order.waiting)).toEqual(
    Object.fromEntries(Object.entries(waiting).map(([place, reason]) => [idOf(Number(place)), reason])),
  );
});

test("R12: nothing starts beside a run at work or on a host that is away; each run that waits has its turn or its reason, by age", () => {
  const waiting = fc.constantFrom<Kind>("queued", "held");
  const active = fc.option(fc.record({ kind: fc.constantFrom<Kind>("starting", "running", "proving"), at: fc.nat(8) }));
  fc.assert(
    fc.property(fc.array(waiting, { maxLength: 8 }), active, fc.boolean(), (kinds, busy, connected) => {
      const all = busy === null ? kinds : kinds.toSpliced(busy.at, 0, busy.kind);
      const runs = all.map((kind, place) => runOfKind(kind, place));
      const { next, waiting: reasons } = dispatchOrder(runs, connected);
      if (busy !== null || !connected) expect(next).toEqual([]);
      const ids = next.map(({ id }) => id);
      expect(ids).toEqual(ids.toSorted());
      const queued = runs.filter(({ stage }) => stage === "queued").map(({ id }) => id);
      expect([...ids, ...reasons.keys()].toSorted()).toEqual(queued);
      for (const run of next) expect(run.hold).toBeNull();
      // What is held changes nothing for the others.
      const without = dispatchOrder(
        runs.filter((run) => run.stage !== "queued" || run.hold === null),
        connected,
      );
      expect(without.next).toEqual(next);
    }),
  );
});
