import type { NumberedLine, RunId, ToBrowser, Topic as TopicName } from "@nixfleet/protocol";
import { ToBrowser as ToBrowserSchema } from "@nixfleet/protocol";
import { createFakeClock, createSocketPair } from "@nixfleet/testkit";
import type { Logger } from "../logger.ts";
import { quiet } from "../store/store.fixture.ts";
import { createLiveClient, type LiveClient } from "./client.ts";
import { createTopic, type Topic, type TopicSource } from "./topic.ts";

/** A source whose next readings can be held back or made to fail. */
export function arrangeSource({
  name = "fleet",
  clock = createFakeClock(),
  heldUntil = Promise.resolve(),
}: {
  name?: TopicName;
  clock?: ReturnType<typeof createFakeClock>;
  heldUntil?: Promise<void>;
} = {}) {
  const truth = new Map<string, unknown>([["a", 1]]);
  const read: string[][] = [];
  let faults = 0;
  let held = Promise.resolve();
  let touch: Parameters<TopicSource["listen"]>[0] = () => {};
  const fail = () => {
    if (faults === 0) return;
    faults -= 1;
    throw new Error("The disk fails");
  };
  const source: TopicSource = {
    async all() {
      const values = new Map(truth);
      await heldUntil;
      fail();
      return values;
    },
    async some(keys) {
      read.push([...keys]);
      await held;
      fail();
      return new Map([...keys].map((key) => [key, truth.get(key)]));
    },
    listen(listener) {
      touch = listener;
      return () => {};
    },
  };
  const logged: string[] = [];
  const log = { ...quiet, error: (_: unknown, text = "") => void logged.push(text) } as Logger;
  const topic = createTopic({ name, source, clock, log });
  const deltas: Extract<ToBrowser, { type: "delta" }>[] = [];
  const member = { sendDelta: (text: string) => void deltas.push(JSON.parse(text)), sendGone: () => {} };
  topic.join(member);
  return {
    clock,
    topic,
    deltas,
    read,
    logged,
    set(key: string, value: unknown, urgency: "soon" | "later" = "soon") {
      truth.set(key, value);
      touch(key, urgency);
    },
    /** Readings of changes do not end before the returned function is called. */
    hold() {
      const gate = Promise.withResolvers<void>();
      held = gate.promise;
      return gate.resolve;
    },
    failNext(times = 1) {
      faults = times;
    },
  };
}

/** A browser that follows topics in the hands of the test; `lines` reads a log of `lastLine` lines. */
export function connectBrowser(
  acquire: (name: string) => Topic,
  clock = createFakeClock(),
  lines: (runId: RunId, from: number) => AsyncGenerator<NumberedLine[]> = async function* () {},
  lastLine = 0,
) {
  const pair = createSocketPair();
  const got: ToBrowser[] = [];
  let closed: number | null = null;
  pair.right.onClose((code) => {
    closed = code;
  });
  pair.right.onMessage((text) => void got.push(ToBrowserSchema.parse(JSON.parse(text))));
  const client: LiveClient = createLiveClient({
    socket: pair.left,
    clock,
    log: quiet,
    hello: { version: "1" },
    acquire,
    release: () => {},
    logs: { lines },
    lastLine: async () => lastLine,
    onClosed: () => {},
  });
  return {
    client,
    closed: () => closed,
    say(message: object) {
      pair.right.send(JSON.stringify(message));
      pair.toLeft.flush();
    },
    take() {
      pair.toRight.flush();
      return got.splice(0);
    },
  };
}
