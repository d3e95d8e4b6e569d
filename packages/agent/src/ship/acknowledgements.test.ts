import type { RunId } from "@nixfleet/protocol";
import { createFakeClock } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { MOST_FINISHED_RUNS } from "../spool/run-directories.ts";
import type { AcknowledgedSeqs } from "../spool/shapes.ts";
import type { JsonRead } from "../spool/untrusted-json.ts";
import { createAcknowledgements } from "./acknowledgements.ts";

const idOf = (n: number) => `01jd${String(n).padStart(22, "0")}` as RunId;

/** Acknowledgements over a file whose writing waits until the test lets it end. */
function setUp({ before = { kind: "missing" } }: { before?: JsonRead<AcknowledgedSeqs> } = {}) {
  const clock = createFakeClock();
  const events: string[] = [];
  const writes: { runs: AcknowledgedSeqs["runs"]; end: PromiseWithResolvers<void> }[] = [];
  const acknowledgements = createAcknowledgements({
    clock,
    log: createLog({ level: "debug", clock, write: (line) => events.push(JSON.parse(line).event), secrets: [] }),
    files: {
      readAcknowledged: async () => before,
      writeAcknowledged({ runs }) {
        const end = Promise.withResolvers<void>();
        writes.push({ runs, end });
        return end.promise;
      },
    },
  });
  return { acknowledgements, clock, events, writes };
}

test("S14: acknowledgements within a second are written together, and nothing is written when nothing is new", async () => {
  const { acknowledgements, clock, writes } = setUp();
  acknowledgements.set(idOf(1), 1);
  await clock.advanceAsync(999);
  acknowledgements.set(idOf(1), 2);
  acknowledgements.set(idOf(2), 5);
  expect(writes).toEqual([]);
  await clock.advanceAsync(1);
  expect(writes.map(({ runs }) => runs)).toEqual([{ [idOf(1)]: 2, [idOf(2)]: 5 }]);
  writes[0]?.end.resolve();
  acknowledgements.set(idOf(1), 2);
  await acknowledgements.flush();
  expect(writes).toHaveLength(1);
  expect(clock.waiting).toBe(0);
  // The next ones wait as long as the first.
  acknowledgements.set(idOf(1), 3);
  await clock.advanceAsync(999);
  expect(writes).toHaveLength(1);
  await clock.advanceAsync(1);
  expect(writes[1]?.runs).toMatchObject({ [idOf(1)]: 3 });
});

test("S14: what waits is written at the end, and leaves no timer", async () => {
  const { acknowledgements, clock, writes } = setUp();
  acknowledgements.set(idOf(1), 3);
  const disposed = acknowledgements[Symbol.asyncDispose]();
  await clock.advanceAsync(0);
  writes[0]?.end.resolve();
  await disposed;
  expect(writes.map(({ runs }) => runs)).toEqual([{ [idOf(1)]: 3 }]);
  expect(clock.waiting).toBe(0);
});

test("S14: a daemon that hears of nothing new leaves the file of the one before as it is", async () => {
  const { acknowledgements, writes } = setUp({ before: { kind: "ok", value: { runs: { [idOf(1)]: 7 } } } });
  await acknowledgements.load();
  await acknowledgements[Symbol.asyncDispose]();
  expect(writes).toEqual([]);
});

test("two writes never overlap: an older one cannot come last", async () => {
  const { acknowledgements, clock, writes } = setUp();
  acknowledgements.set(idOf(1), 1);
  void acknowledgements.flush();
  await clock.advanceAsync(0);
  acknowledgements.set(idOf(1), 2);
  const second = acknowledgements.flush();
  await clock.advanceAsync(0);
  expect(writes).toHaveLength(1);
  writes[0]?.end.resolve();
  await clock.advanceAsync(0);
  writes[1]?.end.resolve();
  await second;
  expect(writes.map(({ runs }) => runs[idOf(1)])).toEqual([1, 2]);
});

test("an acknowledgement that arrives during a write is written a second after it", async () => {
  const { acknowledgements, clock, writes } = setUp();
  acknowledgements.set(idOf(1), 1);
  await clock.advanceAsync(1000);
  acknowledgements.set(idOf(1), 2);
  await clock.advanceAsync(5000);
  expect(writes).toHaveLength(1);
  writes[0]?.end.resolve();
  await clock.advanceAsync(999);
  expect(writes).toHaveLength(1);
  await clock.advanceAsync(1);
  expect(writes.map(({ runs }) => runs[idOf(1)])).toEqual([1, 2]);
});

test("once disposed, what is acknowledged leaves no timer", async () => {
  const { acknowledgements, clock, writes } = setUp();
  await acknowledgements[Symbol.asyncDispose]();
  acknowledgements.set(idOf(1), 1);
  expect([clock.waiting, writes]).toEqual([0, []]);
});

test("what a full disk did not take is written with the next acknowledgement, and is counted meanwhile", async () => {
  const { acknowledgements, clock, writes, events } = setUp();
  acknowledgements.set(idOf(1), 1);
  await clock.advanceAsync(1000);
  writes[0]?.end.reject(new Error("no space left on device"));
  await clock.advanceAsync(0);
  expect(events).toEqual(["acknowledgements-not-written"]);
  // It does not fill the log with trials.
  expect(clock.waiting).toBe(0);
  expect([acknowledgements.get(idOf(1)), acknowledgements.has(idOf(1)), acknowledgements.has(idOf(2))]).toEqual([1, true, false]);
  const flushed = acknowledgements.flush();
  await clock.advanceAsync(0);
  writes[1]?.end.resolve();
  await flushed;
  expect(writes[1]?.runs).toEqual({ [idOf(1)]: 1 });
});

test("S15: of as many runs as a host keeps the acknowledgements are remembered, the latest", async () => {
  const { acknowledgements, writes, clock } = setUp();
  for (let n = MOST_FINISHED_RUNS + 500; n > 0; n--) acknowledgements.set(idOf(n), n);
  const flushed = acknowledgements.flush();
  await clock.advanceAsync(0);
  writes[0]?.end.resolve();
  await flushed;
  expect(Object.keys(writes[0]?.runs ?? {}).sort()).toEqual(Array.from({ length: MOST_FINISHED_RUNS }, (_, n) => idOf(n + 501)));
  expect([acknowledgements.get(idOf(500)), acknowledgements.get(idOf(501))]).toEqual([0, 501]);
});

test("a daemon continues from the file of the one before; one that cannot be read is as none, and is reported", async () => {
  const known = setUp({ before: { kind: "ok", value: { runs: { [idOf(1)]: 7 } } } });
  await known.acknowledgements.load();
  expect(known.acknowledgements.get(idOf(1))).toBe(7);
  const damaged = setUp({ before: { kind: "refused", reason: "it is not JSON" } });
  await damaged.acknowledgements.load();
  expect(damaged.acknowledgements.get(idOf(1))).toBe(0);
  expect(damaged.events).toEqual(["acknowledgements-unreadable"]);
});
