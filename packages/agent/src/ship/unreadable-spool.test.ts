import type { FromAgentOf, RunEvent, RunId } from "@nixfleet/protocol";
import { createFakeClock, createTempDir } from "@nixfleet/testkit";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { createRunWatch } from "./run-watch.ts";
import { runId as ended, eventOf, finishedOf, setUpShipper } from "./shipper.fixture.ts";
import { createShipper } from "./shipper.ts";

const broken = "01jd0000000000000000000001" as RunId;
const whole = "01jd0000000000000000000002" as RunId;
const event: RunEvent = { seq: 1, at: 1, kind: "phase", phase: "fetch" };

function createEventLog() {
  const events: string[] = [];
  const write = (line: string) => events.push((JSON.parse(line) as { event: string }).event);
  return { events, log: createLog({ level: "error", clock: createFakeClock(), write, secrets: [] }) };
}

test("a spool that the disk does not give is a fault of its run, holds up no other, and is tried again on the next link", async () => {
  const faults: [RunId, string][] = [];
  const sent: RunId[] = [];
  await using shipper = createShipper({
    spool: {
      isByHand: async () => false,
      openEvents(runId, afterSeq) {
        let events = afterSeq === 0 ? [event] : [];
        return {
          async read() {
            if (runId === broken) throw new Error("EIO: i/o error, read");
            const read = { kind: "events" as const, events };
            events = [];
            return read;
          },
          async [Symbol.asyncDispose]() {},
        };
      },
    },
    acknowledgements: { get: () => 0, set: () => {} },
    send: (frame) => sent.push((JSON.parse(frame) as FromAgentOf<"runEvents">).runId) > 0,
    log: createEventLog().log,
    onFault: (runId, reason) => faults.push([runId, reason]),
  });
  shipper.add(broken);
  shipper.add(whole);

  shipper.onWelcome([broken, whole].map((runId) => ({ runId, storedSeq: 0, known: true })));
  await shipper.settled();
  expect(faults).toEqual([[broken, "EIO: i/o error, read"]]);
  expect(sent).toEqual([whole]);
  expect(shipper.pending()).toEqual([broken, whole]);

  shipper.changed(broken);
  await shipper.settled();
  expect(faults).toHaveLength(1);

  shipper.onDown();
  shipper.onWelcome([]); // It need not name the runs that began after the hello.
  await shipper.settled();
  expect(faults).toHaveLength(2);
});

test("R67: the end of a run whose last events are gone is told as lost, once it has ended, and is done with when the dashboard has taken it", async () => {
  const lost: string[] = [];
  const { shipper, spools, welcome, ack, sent } = setUpShipper({
    onFault: (_, reason, isLost) => lost.push(`${isLost} ${reason}`),
  });
  spools.set(ended, [eventOf(1), eventOf(2)]);
  shipper.add(ended);
  welcome(0);
  await shipper.settled();
  expect([sent(), lost]).toEqual([[1, 2], []]);
  shipper.ended(ended, 5);
  await shipper.settled();
  expect(lost).toEqual(["true The events 3 to 5 are missing."]);
  ack(5);
  expect(shipper.pending()).toEqual([]);
});

test("R67: events that were pruned are told as lost where the dashboard asks for them again", async () => {
  const lost: string[] = [];
  const { shipper, spools, acked } = setUpShipper({ onFault: (_, reason, isLost) => lost.push(`${isLost} ${reason}`) });
  acked.set(ended, 5);
  spools.set(ended, []);
  shipper.onWelcome([{ runId: ended, storedSeq: 2, known: true }]);
  await shipper.settled();
  expect(lost).toEqual(["true The events 3 to 5 are missing."]);
});

test("R67: a run that the dashboard has stored less of than it had is sent again from there", async () => {
  const { shipper, spools, acked, sent, welcome } = setUpShipper();
  spools.set(ended, [eventOf(1), eventOf(2), finishedOf(3)]);
  acked.set(ended, 3);
  shipper.add(ended, 3);
  expect(shipper.pending()).toEqual([]);
  welcome(1);
  await shipper.settled();
  expect(sent()).toEqual([2, 3]);
});

test("a scan that the disk does not let happen is reported, and the next one finds the runs", async () => {
  await using dir = await createTempDir();
  const { events, log } = createEventLog();
  const found: RunId[] = [];
  let isBroken = true;
  await using watch = createRunWatch({
    runnerDir: dir.path,
    spool: {
      async runs() {
        if (isBroken) throw new Error("EIO: i/o error, scandir");
        return [whole];
      },
      outcome: async () => ({ kind: "missing" }),
    },
    log,
    onRun: (runId) => found.push(runId),
    onChange: () => {},
    onEnd: () => {},
    onGone: () => {},
  });
  await watch.scan();
  expect(events).toEqual(["runs-unreadable"]);
  isBroken = false;
  await watch.scan();
  expect(found).toEqual([whole]);
  expect(watch.active()).toEqual([whole]);
});
