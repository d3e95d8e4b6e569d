import { type FromDashboard, PING_INTERVAL, SILENCE_LIMIT } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hello, runId, setUp, waitsOf, welcome } from "./link.fixture.ts";

test("the hello is the first message, and nothing is sent before the welcome", async () => {
  const self = setUp();
  self.link.start();
  await self.open();
  expect(self.atDashboard).toEqual([hello]);
  expect(self.link.send({ type: "pong", nonce: "x" })).toBe(false);
  self.say(welcome);
  expect(self.ups).toEqual([true]);
  expect(self.link.send({ type: "pong", nonce: "x" })).toBe(true);
});

test("a ping is answered at once with its nonce, before the welcome too", async () => {
  const self = setUp();
  self.link.start();
  await self.open();
  self.say({ type: "ping", nonce: "a" });
  self.say(welcome);
  self.say({ type: "ping", nonce: "b" });
  expect(self.atDashboard.slice(1)).toEqual([
    { type: "pong", nonce: "a" },
    { type: "pong", nonce: "b" },
  ]);
});

test("what a newer dashboard says in unknown types and fields is ignored", async () => {
  const self = setUp();
  self.link.start();
  await self.connect();
  self.say({ type: "sing", song: "x" });
  self.say({ type: "watch", on: true, colour: "red" });
  expect(self.heard).toEqual([{ type: "watch", on: true }]);
  expect(self.ups).toEqual([true]);
});

test.each([
  ["no JSON", "{"],
  ["no type", "{}"],
  ["a field of another type", JSON.stringify({ type: "watch", on: "yes" })],
  ["a run id that is a path", JSON.stringify({ type: "cancelRun", runId: "../../../../etc/passwd" })],
])(
  "R10: a malformed message (%s) ends this link with one log line, reaches nobody, and the agent comes back",
  async (_, text) => {
    const self = setUp();
    self.link.start();
    await self.connect();
    self.say(text);
    self.say({ type: "startRun" });
    expect(self.heard).toEqual([]);
    expect(self.ups).toEqual([true, false]);
    expect(self.lines.filter((line) => line.event === "message-invalid")).toHaveLength(1);
    await self.clock.advanceAsync(1000);
    expect(self.dials).toHaveLength(2);
    await self.connect();
    expect(self.link.up).toBe(true);
  },
);

test("R10: whatever text comes, nothing but a valid message is passed on, and the link lives on or comes back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify(welcome))), { maxLength: 8 }),
      async (texts) => {
        const self = setUp();
        self.link.start();
        await self.connect();
        for (const text of texts) self.say(text);
        for (const message of self.heard) {
          expect(["ack", "startRun", "cancelRun", "watch"] satisfies FromDashboard["type"][]).toContain(message.type);
        }
        await self.clock.advanceAsync(1000);
        if (!self.link.up) await self.connect();
        expect(self.link.up).toBe(true);
        self.link.stop();
        expect(self.clock.waiting).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

test("a run that comes before the welcome ends the link", async () => {
  const self = setUp();
  self.link.start();
  await self.open();
  self.say({ type: "cancelRun", runId });
  expect(self.heard).toEqual([]);
  expect(self.ups).toEqual([]);
  self.clock.advance(1000);
  expect(self.dials).toHaveLength(2);
});

test("R28: failures are followed by waits that grow with jitter up to thirty seconds, forever, in one log line", () => {
  const self = setUp({ random: () => 0.999 });
  self.link.start();
  for (let i = 0; i < 20; i++) {
    self.fail({ kind: "unreachable", detail: "nobody listens" });
    self.untilDial();
  }
  expect(self.dials).toHaveLength(21);
  expect(waitsOf(self.lines).slice(0, 7)).toEqual([999, 1998, 3996, 7992, 15_984, 29_970, 29_970]);
  expect(self.lines.filter((line) => line.level === "warn")).toHaveLength(1);
});

test("R28: a link that stood makes the next wait short again, one that was cut at once does not", async () => {
  const self = setUp({ random: () => 0.999 });
  self.link.start();
  for (let i = 0; i < 3; i++) {
    await self.connect();
    self.pair.cut();
    self.untilDial();
  }
  expect(waitsOf(self.lines)).toEqual([999, 1998, 3996]);
  await self.connect();
  self.clock.advance(PING_INTERVAL);
  self.pair.cut();
  expect(waitsOf(self.lines)).toEqual([999, 1998, 3996, 999]);
});

test("the agent pings every 20 s, and drops a link on which it heard nothing for 60 s", async () => {
  const self = setUp();
  self.link.start();
  await self.connect();
  for (let i = 0; i < 10; i++) {
    self.clock.advance(PING_INTERVAL);
    self.answerPing();
  }
  expect(self.pings).toBe(10);
  expect(self.ups).toEqual([true]);
  self.clock.advance(SILENCE_LIMIT - 1);
  expect(self.ups).toEqual([true]);
  self.clock.advance(1);
  expect(self.ups).toEqual([true, false]);
});

test("a clock that is set does not end a link", async () => {
  const self = setUp();
  self.link.start();
  await self.connect();
  self.clock.jump(86_400_000);
  self.clock.advance(PING_INTERVAL);
  expect(self.ups).toEqual([true]);
});

test("a dashboard that accepts and then says no welcome is left", async () => {
  const self = setUp();
  self.link.start();
  await self.open();
  self.clock.advance(30_000);
  expect(self.lines.some((line) => line.event === "link-down")).toBe(true);
  self.clock.advance(1000);
  expect(self.dials).toHaveLength(2);
});

test("a connection that is not open within 20 s is given up", () => {
  const self = setUp();
  self.link.start();
  self.clock.advance(20_000);
  expect(self.lines.find((line) => line.event === "link-failed")).toMatchObject({ kind: "timeout" });
  self.clock.advance(500);
  expect(self.dials).toHaveLength(2);
});

test.each([
  ["shutting-down", 10, 10_000, 15_000],
  ["revoked", null, 30_000, 60_000],
  ["conflict", null, 30_000, 60_000],
] as const)(
  "after goodbye %s with comeBackAfter %s the agent keeps away for that time and then comes back",
  async (code, comeBackAfter, from, to) => {
    for (const draw of [0, 0.999]) {
      const self = setUp({ random: () => draw });
      self.link.start();
      await self.connect();
      self.say({ type: "goodbye", code, reason: "for a reason", comeBackAfter });
      expect(self.ups).toEqual([true, false]);
      const away = self.untilDial();
      expect(away).toBeGreaterThanOrEqual(from);
      expect(away).toBeLessThan(to);
    }
  },
);

test("R26: a day that a goodbye or a proxy's answer names is five minutes", async () => {
  const self = setUp({ random: () => 0.999 });
  self.link.start();
  await self.connect();
  self.say({ type: "goodbye", code: "shutting-down", reason: "for a reason", comeBackAfter: 86_400 });
  self.clock.advance(300_000);
  expect(self.dials).toHaveLength(2);
  for (const kind of ["not-a-dashboard", "unauthorized"] as const) {
    const before = self.dials.length;
    self.fail({ kind, detail: "503", retryAfter: 2_000_000_000 });
    self.clock.advance(300_000);
    expect(self.dials).toHaveLength(before + 1);
  }
});

test("a wrong token is tried again rarely, and a time that the server names is kept", () => {
  const self = setUp({ random: () => 0 });
  self.link.start();
  self.fail({ kind: "unauthorized", detail: "401" });
  self.clock.advance(29_999);
  expect(self.dials).toHaveLength(1);
  self.clock.advance(1);
  self.fail({ kind: "not-a-dashboard", detail: "503", retryAfter: 7 });
  self.clock.advance(6999);
  expect(self.dials).toHaveLength(2);
  self.clock.advance(1);
  expect(self.dials).toHaveLength(3);
});

test("a stopped link leaves no timer, in whatever state it was", async () => {
  for (const until of ["dialing", "greeting", "up", "waiting"] as const) {
    const self = setUp();
    self.link.start();
    if (until === "greeting") await self.open();
    if (until === "up") await self.connect();
    if (until === "waiting") self.fail({ kind: "unreachable", detail: "x" });
    self.link.stop();
    expect(self.clock.waiting, until).toBe(0);
    expect(self.ups).toEqual(until === "up" ? [true, false] : []);
  }
});
