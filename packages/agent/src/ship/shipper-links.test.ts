import { expect, test } from "vitest";
import { eventOf, finishedOf, idOf, runId, setUpShipper } from "./shipper.fixture.ts";

test("S14: an acknowledgement of an earlier link does not count on a later one, whose dashboard may have lost what it had", async () => {
  const { shipper, spools, acked, welcome, ack, sent } = setUpShipper();
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
  const { shipper, spools, welcome, ack, sent } = setUpShipper();
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
    const { shipper, spools, welcome, ack, openCursors } = setUpShipper();
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

test("R67: a run that is asked for again is sent again from the event that is named, also while it is on its way", async () => {
  const { shipper, spools, welcome, ack, sent } = setUpShipper();
  spools.set(runId, [eventOf(1), finishedOf(2)]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  ack(2);
  sent();
  shipper.resend(runId, 1, 2);
  await shipper.settled();
  expect(sent()).toEqual([1, 2]);
  shipper.resend(runId, 2, 2);
  await shipper.settled();
  expect(sent()).toEqual([2]);
  ack(2);
  expect(shipper.pending()).toEqual([]);
});

test("what was on the wire of a lost link takes no room on the next one, and its spool is not open twice", async () => {
  const { shipper, spools, welcome, sent, openCursors } = setUpShipper({ limit: 1000 });
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
  const { shipper, spools, welcome, sent } = setUpShipper({ isByHand });
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
  const { shipper, spools, welcome, sent } = setUpShipper();
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
  const { shipper, spools, welcome, frames } = setUpShipper({ limit: 10 ** 9 });
  const small = Array.from({ length: 2500 }, (_, n) => eventOf(n + 1, "x"));
  const lines = Array.from({ length: 2000 }, () => ({ at: 1, stream: "build" as const, text: "x".repeat(1000) }));
  spools.set(runId, [...small, { seq: 2501, at: 1, kind: "log", lines }, eventOf(2502, "behind it")]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  expect(Math.max(...frames.map(({ events }) => events.length))).toBeLessThanOrEqual(1000);
  const events = frames.flatMap((frame) => frame.events);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 2502 }, (_, n) => n + 1));
  expect(events.toSpliced(2500, 1)).toEqual([...small, eventOf(2502, "behind it")]);
  expect(events[2500]).toMatchObject({ kind: "warning", message: expect.stringContaining("larger than") });
});

test("R56: of a thousand runs that nobody acknowledges one is held in memory, and an acknowledgement lets the next ones go", async () => {
  const { shipper, spools, frames, openCursors, ack } = setUpShipper({ limit: 10_000 });
  const ids = Array.from({ length: 1000 }, (_, number) => idOf(number + 1));
  for (const id of ids) {
    spools.set(id, [eventOf(1, "x".repeat(2000)), finishedOf(2)]);
    shipper.add(id, 2);
  }
  shipper.onWelcome([]);
  await shipper.settled();
  const sent = frames.length;
  expect(sent).toBeLessThan(6);
  // All that were sent, and the one that has to wait.
  expect(openCursors()).toBe(sent + 1);
  ack(2, ids[0]);
  ack(2, ids[1]);
  await shipper.settled();
  expect(frames.length).toBe(sent + 2);
  expect(shipper.pending()).toHaveLength(998);
});

test("R56 S15: a run whose spool was removed is pending no more, and holds no file open", async () => {
  const { shipper, spools, welcome, openCursors } = setUpShipper();
  spools.set(runId, [eventOf(1)]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  expect([shipper.pending(), openCursors()]).toEqual([[runId], 1]);
  shipper.gone(runId);
  shipper.gone(idOf(2));
  await shipper.settled();
  expect([shipper.pending(), openCursors()]).toEqual([[], 0]);
});

test("a run of a person whose events were pruned is not pending for ever", async () => {
  const { shipper } = setUpShipper({ isByHand: async () => true });
  shipper.add(runId, 4);
  shipper.onWelcome([]);
  await shipper.settled();
  expect(shipper.pending()).toEqual([]);
});
