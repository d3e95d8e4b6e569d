import type { FromAgentOf } from "@nixfleet/protocol";
import { createFakeClock, createSocketPair, type SocketPair } from "@nixfleet/testkit";
import { createLog } from "../log.ts";
import { createLink, type ForTheDaemon } from "./link.ts";
import type { DialFailure, DialHandlers, LinkSocket } from "./link-socket.ts";

export const hello = {
  type: "hello",
  protocol: 1,
  hostname: "gate",
  instance: "boot:1:2",
  policy: { allowedOps: ["pull"], allowRewind: false, signed: false, confirmTimeout: 0 },
  settings: { tags: [], location: "home", deviceType: "desktop", themeColor: null, interval: 5, repoUrl: "/srv/config.git" },
  facts: { readAt: 0, facts: {} },
  runs: [],
} as const satisfies FromAgentOf<"hello">;
const hostId = "01jd0000000000000000000000";
export const welcome = { type: "welcome", hostId, serverTime: 0, runs: [] };
export const runId = "01jd0000000000000000000001";

/** A link, and the dashboard's end of it in the test's hands. */
export function setUp({ random = (): number => 0.5, makeHello = async (): Promise<FromAgentOf<"hello">> => hello } = {}) {
  const clock = createFakeClock();
  const lines: { event: string; level: string }[] = [];
  const heard: ForTheDaemon[] = [];
  const atDashboard: unknown[] = [];
  const ups: boolean[] = [];
  const dials: number[] = [];
  /** Numbers of the dials that were given up, from 1. */
  const cancelled: number[] = [];
  let handlers: DialHandlers | undefined;
  let pair: SocketPair | undefined;
  let control = () => {};
  let pings = 0;
  const link = createLink({
    clock,
    random,
    log: createLog({ level: "debug", clock, write: (line) => lines.push(JSON.parse(line)), secrets: [] }),
    dial(given) {
      dials.push(clock.now());
      handlers = given;
      return { cancel: () => cancelled.push(dials.length) };
    },
    hello: makeHello,
    onUp: () => ups.push(true),
    onDown: () => ups.push(false),
    onMessage: (message) => heard.push(message),
  });
  const self = {
    clock,
    link,
    lines,
    heard,
    atDashboard,
    ups,
    dials,
    cancelled,
    get pings() {
      return pings;
    },
    get pair() {
      if (pair === undefined) throw new Error("nothing is connected");
      return pair;
    },
    fail(failure: DialFailure) {
      handlers?.onFailure(failure);
    },
    /** Turns the clock to the next try to connect; returns how long that took. */
    untilDial() {
      const before = dials.length;
      const from = clock.now();
      while (dials.length === before && clock.now() - from < 100_000) clock.advance(1);
      return clock.now() - from;
    },
    /** The other end's WebSocket answers a ping. */
    answerPing: () => control(),
    async open() {
      pair = createSocketPair();
      pair.right.onMessage((text) => atDashboard.push(JSON.parse(text)));
      const { left } = pair;
      const own = { ping: () => pings++, onControl: (handler: () => void) => (control = handler) };
      const socket = Object.defineProperties(own, Object.getOwnPropertyDescriptors(left)) as unknown as LinkSocket;
      handlers?.onOpen(socket);
      await clock.advanceAsync(0);
      pair.flushAll();
    },
    say(message: unknown) {
      self.pair.right.send(typeof message === "string" ? message : JSON.stringify(message));
      self.pair.flushAll();
    },
    async connect() {
      await self.open();
      self.say(welcome);
    },
  };
  return self;
}

/** The waits that the link chose, in milliseconds. */
export function waitsOf(lines: readonly object[]): unknown[] {
  return lines.flatMap((line) => ("milliseconds" in line ? [line.milliseconds] : []));
}
