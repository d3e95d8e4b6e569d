import type { FromBrowser, NumberedLine, ToBrowser } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { createLiveClient, type LiveSocket } from "./live-client.ts";

/** A client with a hand-driven socket, clock and frame. */
function setup() {
  const sockets: (LiveSocket & { sent: FromBrowser[] })[] = [];
  const timers: { fn: () => void; at: number }[] = [];
  const frames: (() => void)[] = [];
  let now = 1_000_000;
  let reloads = 0;
  const client = createLiveClient({
    connect() {
      const sent: FromBrowser[] = [];
      const socket = {
        sent,
        send: (text: string) => sent.push(JSON.parse(text)),
        close() {},
        onopen: null,
        onmessage: null,
        onclose: null,
      };
      sockets.push(socket);
      return socket;
    },
    now: () => now,
    random: () => 0.5,
    setTimeout: (fn, milliseconds) => {
      const timer = { fn, at: now + milliseconds };
      timers.push(timer);
      return timer;
    },
    clearTimeout: (timer) => {
      const index = timers.indexOf(timer as (typeof timers)[number]);
      if (index >= 0) timers.splice(index, 1);
    },
    beforeFrame: (fn) => frames.push(fn),
    onNewVersion: () => {
      reloads += 1;
    },
  });
  const socket = () => sockets.at(-1) as (typeof sockets)[number];
  return {
    client,
    sockets,
    socket,
    timers,
    reloads: () => reloads,
    say: (message: ToBrowser) => socket().onmessage?.({ data: JSON.stringify(message) }),
    frame: () => {
      for (const fn of frames.splice(0)) fn();
    },
    advance(milliseconds: number) {
      now += milliseconds;
      for (const timer of timers.splice(0)) {
        if (timer.at <= now) timer.fn();
        else timers.push(timer);
      }
    },
  };
}
const snapshot = (version: number, values: Record<string, unknown>) =>
  ({ type: "snapshot", topic: "fleet", version, values }) as const;
const delta = (version: number, set: Record<string, unknown>): ToBrowser => ({
  type: "delta",
  topic: "fleet",
  version,
  set,
  unset: [],
});
const lines = (...numbers: number[]): NumberedLine[] => numbers.map((n) => ({ n, at: 0, stream: "nix", text: `${n}` }));

test("T1: a followed topic is subscribed once the link is open; listeners hear a message at once, and many once a frame", () => {
  const { client, socket, say, frame } = setup();
  let calls = 0;
  client.follow("fleet", () => {
    calls += 1;
  });
  expect(socket().sent).toEqual([]);
  socket().onopen?.();
  expect(socket().sent).toEqual([{ type: "subscribe", topic: "fleet" }]);
  say(snapshot(1, { target: 1 }));
  expect(calls).toBe(1);
  for (const version of [2, 3, 4]) say(delta(version, { target: version }));
  expect(calls).toBe(1);
  frame();
  expect(calls).toBe(2);
  say(delta(5, { target: 5 }));
  expect(calls).toBe(2);
  frame();
  expect(calls).toBe(3);
  frame();
  say(delta(6, { target: 6 }));
  expect(calls).toBe(4);
  expect(client.topic("fleet")).toEqual({ topic: "fleet", version: 6, values: new Map([["target", 6]]) });
});

test("T5: R39: a gap asks for a new snapshot once, however many deltas follow", () => {
  const { client, socket, say } = setup();
  client.follow("fleet", () => {});
  socket().onopen?.();
  say(snapshot(1, {}));
  say(delta(5, { a: 1 }));
  say(delta(6, { a: 2 }));
  expect(socket().sent).toHaveLength(2);
  say(snapshot(7, { a: 3 }));
  say(delta(8, { a: 4 }));
  expect(client.topic("fleet")).toEqual({ topic: "fleet", version: 8, values: new Map([["a", 4]]) });
});

test("R61: a lost link has the time of the next attempt, then the time since it is offline; known values stay", () => {
  const { client, socket, say, advance, sockets } = setup();
  client.follow("fleet", () => {});
  socket().onopen?.();
  say(snapshot(1, { target: 1 }));
  socket().onclose?.({ code: 1006 });
  expect(client.link()).toEqual({ kind: "reconnecting", at: 1_000_750 });
  for (let i = 0; i < 6; i += 1) {
    advance(15_000);
    socket().onclose?.({ code: 1006 });
  }
  expect(client.link()).toMatchObject({ kind: "offline", since: 1_000_000 });
  expect(client.topic("fleet")).toEqual({ topic: "fleet", version: 1, values: new Map([["target", 1]]) });
  advance(15_000);
  socket().onopen?.();
  expect(client.link()).toEqual({ kind: "live" });
  expect(sockets.at(-1)?.sent).toEqual([{ type: "subscribe", topic: "fleet" }]);
});

test("T10: R61: after the session ended, the link is not retried", () => {
  const { client, socket, timers } = setup();
  socket().onopen?.();
  socket().onclose?.({ code: 4001 });
  expect(client.link()).toEqual({ kind: "signed-out" });
  expect(timers).toEqual([]);
});

test("T8: R39: after a reconnect the log continues with the next line, and known lines are not delivered again", () => {
  const { client, socket, say, advance } = setup();
  const topic = "run:01hzzzzzzzzzzzzzzzzzzzzzzz";
  const got: number[] = [];
  client.follow(topic, () => {}, {
    from: () => (got.at(-1) ?? 0) + 1,
    onLines: (arrived) => got.push(...arrived.map((line) => line.n)),
  });
  socket().onopen?.();
  say({ type: "log", topic, lines: lines(1, 2), last: 2 });
  socket().onclose?.({ code: 1006 });
  advance(60_000);
  socket().onopen?.();
  expect(socket().sent).toEqual([{ type: "subscribe", topic, fromLine: 3 }]);
  say({ type: "log", topic, lines: lines(2, 3, 4), last: 4 });
  expect(got).toEqual([1, 2, 3, 4]);
});

test("T1: the last unfollow of a topic ends the subscription", () => {
  const { client, socket } = setup();
  socket().onopen?.();
  const first = client.follow("fleet", () => {});
  const second = client.follow("fleet", () => {});
  first();
  expect(socket().sent).toEqual([{ type: "subscribe", topic: "fleet" }]);
  second();
  expect(socket().sent.at(-1)).toEqual({ type: "unsubscribe", topic: "fleet" });
});

test("T11: a dashboard of another version than the first one is reported", () => {
  const { socket, say, reloads } = setup();
  socket().onopen?.();
  say({ type: "hello", serverTime: 0, version: "1" });
  say({ type: "hello", serverTime: 0, version: "1" });
  expect(reloads()).toBe(0);
  say({ type: "hello", serverTime: 0, version: "2" });
  expect(reloads()).toBe(1);
});

test("T12: a dashboard that is heard is live; one that says nothing for 45 s is not, though nothing closed the socket", () => {
  const { client, sockets, socket, say, advance } = setup();
  socket().onopen?.();
  for (let second = 0; second < 100; second += 5) {
    say({ type: "ping" });
    advance(5_000);
  }
  expect(client.link()).toEqual({ kind: "live" });
  expect(socket().sent).toEqual(Array.from({ length: 20 }, () => ({ type: "pong" })));
  const dead = socket();
  for (let second = 0; second < 35; second += 5) advance(5_000);
  expect(client.link()).toEqual({ kind: "live" });
  advance(5_000);
  expect(client.link()).toMatchObject({ kind: "offline" });
  advance(5_000);
  expect(sockets).toHaveLength(2);
  // What the dead one says after all changes nothing.
  dead.onclose?.({ code: 1006 });
  socket().onopen?.();
  expect(client.link()).toEqual({ kind: "live" });
});

test("T12: a socket that never opens is given up as well", () => {
  const { sockets, advance } = setup();
  for (let second = 0; second < 60; second += 5) advance(5_000);
  expect(sockets.length).toBeGreaterThan(1);
});
