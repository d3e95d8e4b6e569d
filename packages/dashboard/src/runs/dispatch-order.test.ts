import type { QueueReason, RefusalCode, RunHold, RunId } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Admission, admit, dispatchOrder, type HostQueue, MAX_QUEUED_RUNS } from "./dispatch-order.ts";
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

const idle: HostQueue = { active: false, queued: 0, held: 0 };
const full = MAX_QUEUED_RUNS;

interface AdmissionCase extends Partial<Admission> {
  title: string;
  queue?: Partial<HostQueue>;
  refusal: RefusalCode | null;
}

const admissions: AdmissionCase[] = [
  { title: "An idle host takes a run", refusal: null },
  { title: "An idle host takes a run that may not wait", mayWait: false, refusal: null },
  {
    title: "A run that may not wait is refused while the host is offline",
    mayWait: false,
    connected: false,
    refusal: "host-offline",
  },
  {
    title: "A run that may not wait is refused behind an active run",
    mayWait: false,
    queue: { active: true },
    refusal: "host-busy",
  },
  { title: "A run that may not wait is refused behind a queued run", mayWait: false, queue: { queued: 1 }, refusal: "host-busy" },
  { title: "A run that may not wait is refused behind a held run", mayWait: false, queue: { held: 1 }, refusal: "host-busy" },
  {
    title: "A full queue is no other reason for a run that may not wait",
    mayWait: false,
    queue: { queued: full },
    refusal: "host-busy",
  },
  { title: "A run may wait for an offline host", connected: false, queue: { queued: full - 1 }, refusal: null },
  { title: "The last place in the queue can be taken", queue: { active: true, queued: full - 1 }, refusal: null },
  { title: "The active run takes no place in the queue", queue: { active: true, queued: 1, held: full - 2 }, refusal: null },
  {
    title: "A full queue takes no run while the host is offline",
    connected: false,
    queue: { queued: full },
    refusal: "queue-full",
  },
  { title: "A full queue takes no run behind an active run", queue: { active: true, queued: full }, refusal: "queue-full" },
  { title: "A full queue takes no run behind queued ones", queue: { queued: full }, refusal: "queue-full" },
  { title: "Held runs take places too", queue: { queued: 1, held: full - 1 }, refusal: "queue-full" },
  { title: "A full queue takes no held run", held: true, queue: { held: full }, refusal: "queue-full" },
  { title: "A run that can start now is not kept out by held runs", queue: { held: full }, refusal: null },
  { title: "Behind an active run, held runs fill the queue", queue: { active: true, held: full }, refusal: "queue-full" },
  { title: "On an offline host, held runs fill the queue", connected: false, queue: { held: full }, refusal: "queue-full" },
  { title: "A queue beyond the limit is full", connected: false, queue: { queued: full + 1 }, refusal: "queue-full" },
];

test.each(admissions)("$title", ({ connected = true, mayWait = true, held = false, queue, refusal }) => {
  expect(admit({ connected, mayWait, held }, { ...idle, ...queue })).toBe(refusal);
});
