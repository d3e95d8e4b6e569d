import { PING_INTERVAL, SILENCE_LIMIT } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { hello, setUp, waitsOf, welcome } from "./link.fixture.ts";

test("R28: a dashboard that takes connections and never welcomes does not make the next wait short", async () => {
  const self = setUp({ random: () => 0.999 });
  self.link.start();
  for (let i = 0; i < 3; i++) {
    await self.open();
    self.clock.advance(PING_INTERVAL);
    self.pair.cut();
    self.untilDial();
  }
  expect(self.pings).toBe(3);
  expect(waitsOf(self.lines)).toEqual([999, 1998, 3996]);
});

test("R28: a refused token is tried again rarely also after other failures, and leaves their waits as they were", async () => {
  const self = setUp({ random: () => 0.999 });
  self.link.start();
  self.fail({ kind: "unreachable", detail: "x" });
  self.untilDial();
  self.fail({ kind: "unauthorized", detail: "y" });
  self.untilDial();
  self.fail({ kind: "unreachable", detail: "x" });
  expect(waitsOf(self.lines)).toEqual([999, 59_970, 1998]);
});

test("a failure that was told already is told again once a link has stood in between", async () => {
  const self = setUp();
  self.link.start();
  const told = () => self.lines.filter(({ event, level }) => event === "link-failed" && level === "warn").length;
  for (let i = 0; i < 2; i++) {
    self.fail({ kind: "unreachable", detail: "nobody listens" });
    self.untilDial();
  }
  expect(told()).toBe(1);
  await self.connect();
  self.pair.cut();
  self.untilDial();
  self.fail({ kind: "unreachable", detail: "nobody listens" });
  expect(told()).toBe(2);
});

test("L10: a second welcome on a link changes nothing", async () => {
  const self = setUp();
  self.link.start();
  await self.connect();
  self.say(welcome);
  expect(self.ups).toEqual([true]);
  expect(self.link.up).toBe(true);
});

test("a connection that takes too long, or that nobody wants any more, is given up, and no other is dialled for it", () => {
  const self = setUp();
  self.link.start();
  self.link.start();
  expect(self.dials).toHaveLength(1);
  self.clock.advance(20_000);
  expect(self.cancelled).toEqual([1]);
  self.untilDial();
  self.link.stop();
  expect(self.cancelled).toEqual([1, 2]);
});

test("L13: a link on which nothing was heard is ended at the other side as well", async () => {
  const self = setUp();
  self.link.start();
  await self.connect();
  const closes: number[] = [];
  self.pair.right.onClose((code) => closes.push(code));
  self.clock.advance(SILENCE_LIMIT);
  self.pair.flushAll();
  expect(closes).toEqual([1006]);
});

test("an agent that cannot say who it is leaves the link, and tries again", async () => {
  let isBroken = true;
  const makeHello = async () => {
    if (isBroken) throw new Error("the spool cannot be read");
    return hello;
  };
  const self = setUp({ makeHello });
  self.link.start();
  await self.open();
  expect(self.atDashboard).toEqual([]);
  expect(self.lines.map(({ event }) => event)).toEqual(expect.arrayContaining(["hello-failed", "link-down"]));
  isBroken = false;
  self.untilDial();
  await self.connect();
  expect(self.ups).toEqual([true]);
});
