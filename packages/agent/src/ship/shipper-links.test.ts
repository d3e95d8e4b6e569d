import type { FromAgentOf, RunEvent, RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createShipper, type ShipperDeps } from "./shipper.ts";

const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;
const runId = idOf(1);
const eventOf = (seq: number, message = "x".repeat(200)): RunEvent => ({ seq, at: 1, kind: "warning", message });
const finishedOf = (seq: number): RunEvent => ({ seq, at: 1, kind: "finished", outcome: { state: "succeeded" } });

/** A shipper over spools in memory, on a link that is always up. Nothing runs between two calls that do not wait. */
function setUp({ limit, isByHand = async () => false }: Partial<Pick<ShipperDeps, "limit"> & ShipperDeps["spool"]> = {}) {
  const spools = new Map<RunId, RunEvent[]>();
  const acked = new Map<RunId, number>();
  const frames: FromAgentOf<"runEvents">[] = [];
  let open = 0;
  const shipper = createShipper({
    spool: {
      isByHand,
      openEvents(id, afterSeq) {
        let seq = afterSeq;
        open++;
        return {
          async read() {
            const events = (spools.get(id) ?? []).filter((event) => event.seq > seq);
            seq = events.at(-1)?.seq ?? seq;
            return { kind: "events", events };
          },
          async [Symbol.asyncDispose]() {
            open--;
          },
        };
      },
    },
    acknowledgements: { get: (id) => acked.get(id) ?? 0, set: (id, seq) => void acked.set(id, seq) },
    send: (frame) => frames.push(JSON.parse(frame)) > 0,
    log: createLog({ level: "error", clock: createFakeClock(), write: () => {}, secrets: [] }),
    onFault: (_, reason) => {
      throw new Error(reason);
    },
    ...(limit !== undefined && { limit }),
  });
  const welcome = (storedSeq: number, id = runId) => shipper.onWelcome([{ runId: id, storedSeq, known: true }]);
  const ack = (storedSeq: number, id = runId) => shipper.onAck({ type: "ack", runId: id, storedSeq });
  return {
    shipper,
    spools,
    acked,
    welcome,
    ack,
    frames,
    openCursors: () => open,
    /** Seqs of all events that were sent since the last look. */
    sent: () => frames.splice(0).flatMap(({ events }) => events.map(({ seq }) => seq)),
  };
}

test("S14: an acknowledgement of an earlier link does not count on a later one, whose dashboard may have lost what it had", async () => {
  const { shipper, spools, acked, welcome, ack, sent } = setUp();
  spools.set(
    runId,
    [1, 2, 3].map((seq) => eventOf(seq)),
  );
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  expect(sent()).toEqual([1, 2, 3]);
  shipper.onDown();
  ack(3);
  expect(acked.get(runId)).toBe(0);
  welcome(0);
  ack(3);
  expect(acked.get(runId)).toBe(0);
  await shipper.settled();
  expect(sent()).toEqual([1, 2, 3]);
  ack(3);
  expect(acked.get(runId)).toBe(3);
});

test("S14: a dashboard that says at its welcome that it has stored less than before gets the rest again", async () => {
  const { shipper, spools, welcome, ack, sent } = setUp();
  spools.set(
    runId,
    [1, 2, 3].map((seq) => eventOf(seq)),
  );
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  ack(3);
  sent();
  welcome(1);
  await shipper.settled();
  expect(sent()).toEqual([2, 3]);
});

test("a run is done with when all of it is stored, whether an acknowledgement says so or the next welcome", async () => {
  for (const how of ["ack", "welcome"] as const) {
    const { shipper, spools, welcome, ack, openCursors } = setUp();
    spools.set(runId, [eventOf(1), finishedOf(2)]);
    shipper.add(runId);
    welcome(0);
    await shipper.settled();
    expect(shipper.pending()).toEqual([runId]);
    if (how === "ack") ack(2);
    else welcome(2);
    expect(shipper.pending(), how).toEqual([]);
    await shipper.settled();
    expect(openCursors(), how).toBe(0);
    shipper.add(runId, 2);
    expect(shipper.pending(), how).toEqual([]);
  }
});

test("a run that is asked for again is sent again from its first event", async () => {
  const { shipper, spools, welcome, ack, sent } = setUp();
  spools.set(runId, [eventOf(1), finishedOf(2)]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  ack(2);
  sent();
  shipper.again(runId);
  await shipper.settled();
  expect(sent()).toEqual([1, 2]);
});

test("what was on the wire of a lost link takes no room on the next one, and its spool is not open twice", async () => {
  const { shipper, spools, welcome, sent, openCursors } = setUp({ limit: 1000 });
  spools.set(
    runId,
    [1, 2, 3].map((seq) => eventOf(seq)),
  );
  shipper.add(runId);
  for (let link = 0; link < 5; link++) {
    welcome(0);
    await shipper.settled();
    expect(sent()).toEqual([1, 2, 3]);
    expect(openCursors()).toBe(1);
    shipper.onDown();
  }
});

test("what was read for a lost link is not sent on the next one: the dashboard would get it twice, and its room would be gone", async () => {
  const looks: PromiseWithResolvers<boolean>[] = [];
  const isByHand = () => {
    const look = Promise.withResolvers<boolean>();
    looks.push(look);
    return look.promise;
  };
  const { shipper, spools, welcome, sent } = setUp({ isByHand });
  spools.set(
    runId,
    [1, 2, 3].map((seq) => eventOf(seq)),
  );
  shipper.add(runId);
  welcome(0);
  while (looks.length === 0) await new Promise((resolve) => setImmediate(resolve));
  shipper.onDown();
  welcome(2);
  looks[0]?.resolve(false);
  await shipper.settled();
  expect(sent()).toEqual([3]);
});

test("a run that the dashboard does not know yet is sent once a later welcome knows it", async () => {
  const { shipper, spools, welcome, sent } = setUp();
  spools.set(runId, [eventOf(1)]);
  shipper.add(runId);
  shipper.onWelcome([{ runId, storedSeq: 0, known: false }]);
  await shipper.settled();
  expect(sent()).toEqual([]);
  welcome(0);
  await shipper.settled();
  expect(sent()).toEqual([1]);
  // One that no welcome names was begun meanwhile: it is sent.
  const begun = idOf(2);
  spools.set(begun, [eventOf(1)]);
  shipper.add(begun);
  await shipper.settled();
  expect(sent()).toEqual([1]);
});

test("a message holds at most a thousand events, and an event that fits into no frame is replaced by one that says so", async () => {
  const { shipper, spools, welcome, frames } = setUp({ limit: 10 ** 9 });
  const small = Array.from({ length: 2500 }, (_, n) => eventOf(n + 1, "x"));
  const lines = Array.from({ length: 2000 }, () => ({ at: 1, stream: "build" as const, text: "x".repeat(1000) }));
  spools.set(runId, [...small, { seq: 2501, at: 1, kind: "log", lines }, eventOf(2502, "behind it")]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  expect(Math.max(...frames.map(({ events }) => events.length))).toBeLessThanOrEqual(1000);
  const events = frames.flatMap((frame) => frame.events);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 2502 }, (_, n) => n + 1));
  expect(events[2500]).toMatchObject({ kind: "warning", message: expect.stringContaining("larger than") });
});
