import { expect, test } from "vitest";
import { eventOf, finishedOf, idOf, runId, setUpShipper } from "./shipper.fixture.ts";

const eventsOf = (...seqs: number[]) => seqs.map((seq) => eventOf(seq));

test("a run that a person did on the host itself is not sent, and is none that waits", async () => {
  const { shipper, spools, welcome, sent, openCursors } = setUpShipper({ isByHand: async () => true });
  spools.set(runId, [eventOf(1), finishedOf(2)]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  expect(sent()).toEqual([]);
  expect(shipper.pending()).toEqual([]);
  shipper.changed(idOf(2));
  shipper.add(idOf(2));
  await shipper.settled();
  expect(openCursors()).toBe(1);
});

test("who asked for a run is looked up once, however many batches it is sent in", async () => {
  let looks = 0;
  const isByHand = async () => {
    looks++;
    return false;
  };
  const { shipper, spools, welcome, sent } = setUpShipper({ isByHand });
  spools.set(runId, eventsOf(1));
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  spools.set(runId, eventsOf(1, 2));
  shipper.changed(runId);
  await shipper.settled();
  expect(sent()).toEqual([1, 2]);
  expect(looks).toBe(1);
});

test("a run whose end is sent and not stored yet is kept: neither a part of it that is acknowledged nor a welcome ends it", async () => {
  const { shipper, spools, welcome, ack } = setUpShipper();
  spools.set(runId, [eventOf(1), eventOf(2), finishedOf(3)]);
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  ack(1);
  expect(shipper.pending()).toEqual([runId]);
  shipper.onDown();
  welcome(2);
  expect(shipper.pending()).toEqual([runId]);
});

test("a run that had ended when the daemon started is sent as well, unless all of it is stored", async () => {
  const { shipper, spools, acked, sent } = setUpShipper();
  for (const [n, storedSeq] of [
    [1, 0],
    [2, 1],
    [3, 2],
  ] as const) {
    spools.set(idOf(n), [eventOf(1), finishedOf(2)]);
    acked.set(idOf(n), storedSeq);
    shipper.add(idOf(n), 2);
  }
  expect(shipper.pending()).toEqual([idOf(1), idOf(2)]);
  shipper.onWelcome([1, 2].map((n) => ({ runId: idOf(n), storedSeq: n - 1, known: true })));
  await shipper.settled();
  expect(sent()).toEqual([1, 2, 2]);
});

test("a frame that the link does not take is kept, not offered again before anything has changed, and sent first then", async () => {
  let isUp = false;
  let offers = 0;
  const isTaken = () => {
    offers++;
    if (offers > 10) throw new Error("it is offered without end");
    return isUp;
  };
  const { shipper, spools, welcome, sent } = setUpShipper({ isTaken });
  spools.set(runId, eventsOf(1));
  shipper.add(runId);
  welcome(0);
  await shipper.settled();
  expect(offers).toBe(1);
  isUp = true;
  spools.set(runId, eventsOf(1, 2));
  shipper.changed(runId);
  await shipper.settled();
  expect(sent()).toEqual([1, 2]);
});

test("the window is filled to its last byte, and no further", async () => {
  const bytesOf = (seq: number) => Buffer.byteLength(JSON.stringify({ type: "runEvents", runId, events: eventsOf(seq) }));
  for (const [room, expected] of [
    [0, [1, 2]],
    [-1, [1]],
  ] as const) {
    const { shipper, spools, welcome, sent } = setUpShipper({ limit: bytesOf(1) + bytesOf(2) + room });
    spools.set(runId, eventsOf(1));
    shipper.add(runId);
    welcome(0);
    await shipper.settled();
    spools.set(runId, eventsOf(1, 2));
    shipper.changed(runId);
    await shipper.settled();
    expect(sent(), `${room}`).toEqual(expected);
  }
});

test("what is acknowledged leaves the window, and nothing else of what is on the wire does", async () => {
  const bytes = Buffer.byteLength(JSON.stringify({ type: "runEvents", runId, events: eventsOf(1) }));
  const { shipper, spools, welcome, ack, sent } = setUpShipper({ limit: 2 * bytes });
  shipper.add(runId);
  welcome(0);
  for (const seqs of [[1], [1, 2], [1, 2, 3, 4]]) {
    spools.set(runId, eventsOf(...seqs));
    shipper.changed(runId);
    await shipper.settled();
  }
  expect(sent()).toEqual([1, 2]);
  ack(1);
  await shipper.settled();
  expect(sent()).toEqual([]);
  ack(2);
  await shipper.settled();
  expect(sent()).toEqual([3, 4]);
});

test("what waited for room on a lost link is not sent ahead of what comes before it on the next one", async () => {
  const { shipper, spools, welcome, sent } = setUpShipper({ limit: 400 });
  shipper.add(runId);
  welcome(0);
  for (const seqs of [[1], [1, 2]]) {
    spools.set(runId, eventsOf(...seqs));
    shipper.changed(runId);
    await shipper.settled();
  }
  expect(sent()).toEqual([1]);
  shipper.onDown();
  welcome(0);
  await shipper.settled();
  expect(sent()).toEqual([1, 2]);
});

test("what a lost link had on the wire makes the window of the next one no larger", async () => {
  const { shipper, spools, welcome, ack, sent } = setUpShipper({ limit: 1000 });
  spools.set(runId, eventsOf(1, 2, 3));
  shipper.add(runId);
  for (let link = 0; link < 2; link++) {
    welcome(0);
    await shipper.settled();
    expect(sent()).toEqual([1, 2, 3]);
    if (link === 0) shipper.onDown();
  }
  ack(3);
  for (const seqs of [[4], [5, 6, 7]]) {
    spools.set(runId, [...(spools.get(runId) ?? []), ...eventsOf(...seqs)]);
    shipper.changed(runId);
    await shipper.settled();
  }
  expect(sent()).toEqual([4]);
  ack(4);
  await shipper.settled();
  expect(sent()).toEqual([5, 6, 7]);
});

test("while the link is down nothing is read from a spool, and nothing is sent", async () => {
  const { shipper, spools, welcome, sent, openCursors } = setUpShipper();
  welcome(0);
  shipper.onDown();
  spools.set(runId, eventsOf(1));
  shipper.add(runId);
  await shipper.settled();
  expect([sent(), openCursors()]).toEqual([[], 0]);
});

test("a shipper that is closed sends no more than what it has read, leaves no spool open, and does not begin again", async () => {
  const look = Promise.withResolvers<boolean>();
  let looks = 0;
  const isByHand = () => {
    looks++;
    return look.promise;
  };
  const { shipper, spools, welcome, sent, openCursors } = setUpShipper({ isByHand });
  spools.set(runId, eventsOf(1));
  shipper.add(runId);
  welcome(0);
  while (looks === 0) await new Promise((resolve) => setImmediate(resolve));
  spools.set(runId, eventsOf(1, 2));
  const closed = shipper[Symbol.asyncDispose]();
  look.resolve(false);
  await closed;
  expect(sent()).not.toContain(2);
  expect(openCursors()).toBe(0);
  welcome(0);
  await shipper.settled();
  expect(sent()).toEqual([]);
});
