import { REFUSED_WAIT } from "@nixfleet/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createBackoff, LONGEST_WAIT, slowWait, waitAfter } from "./backoff.ts";

const fractions = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("R28: each wait is between nothing and a window that doubles from one second to thirty, and stays there", () => {
  fc.assert(
    fc.property(fc.array(fractions, { minLength: 1, maxLength: 30 }), (draws) => {
      let drawn = 0;
      const backoff = createBackoff(() => draws[drawn++] ?? 0);
      draws.forEach((draw, failures) => {
        const window = Math.min(1000 * 2 ** failures, LONGEST_WAIT);
        const wait = backoff.next();
        expect(wait).toBe(Math.floor(draw * window));
        expect(wait).toBeLessThan(LONGEST_WAIT);
      });
    }),
  );
});

test("R28: a thousand agents that lose the dashboard together come back spread over the window, not in waves", () => {
  // Park and Miller's generator: the same draws on every machine.
  let state = 42;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const agents = Array.from({ length: 1000 }, () => createBackoff(random));
  for (let failures = 0; failures < 4; failures++) for (const agent of agents) agent.next();
  const waits = agents.map((agent) => agent.next());
  const tenths = Array.from({ length: 10 }, (_, i) => waits.filter((wait) => Math.floor(wait / 1600) === i).length);
  for (const count of tenths) {
    expect(count).toBeGreaterThan(60);
    expect(count).toBeLessThan(140);
  }
});

test("R28: after a stable link the first window is short again", () => {
  const backoff = createBackoff(() => 0.999);
  for (let i = 0; i < 10; i++) backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(999);
});

test("R28: a time that the dashboard names is kept, and spread", () => {
  fc.assert(
    fc.property(fractions, fc.integer({ min: 0, max: 295 }), (draw, seconds) => {
      const wait = waitAfter(seconds, () => draw);
      expect(wait).toBeGreaterThanOrEqual(seconds * 1000);
      expect(wait).toBeLessThan(seconds * 1000 + 5000);
    }),
  );
  expect([0, 0.5, 0.999].map((draw) => waitAfter(60, () => draw))).toEqual([60_000, 62_500, 64_995]);
  // From the end of the longest other wait to the time within which a dashboard expects it.
  expect(slowWait(() => 0)).toBe(LONGEST_WAIT);
  expect(slowWait(() => 0.999_999)).toBeLessThan(REFUSED_WAIT);
});

test("R26: no word of a server keeps an agent away for more than five minutes, and those of one word come back spread", () => {
  const draws = [0, 0.5, 0.999];
  for (const seconds of [296, 300, 3600, 86_400, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
    expect(draws.map((draw) => waitAfter(seconds, () => draw))).toEqual([295_000, 297_500, 299_995]);
  }
});
