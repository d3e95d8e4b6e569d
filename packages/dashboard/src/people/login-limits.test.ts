import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createLoginLimits } from "./login-limits.ts";

function limitsAt(start = 0, more: { maxEntries?: number } = {}) {
  let time = start;
  const limits = createLoginLimits({ now: () => time, ...more });
  return {
    limits,
    pass: (ms: number) => {
      time += ms;
    },
    fail: (account: string, address: string) => limits.begin(account, address),
    wait: (account: string, address: string) => {
      const attempt = limits.begin(account, address);
      return attempt.ok ? 0 : attempt.retryAfter;
    },
  };
}

test("R52: after five failures an account waits, each time twice as long, and never longer than a minute", () => {
  const { limits, pass } = limitsAt();
  const waits: number[] = [];
  let address = 0;
  while (waits.length < 12) {
    const attempt = limits.begin("alice", `192.0.2.${address++}`);
    if (attempt.ok) continue;
    waits.push(attempt.retryAfter);
    pass(attempt.retryAfter * 1000);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
});

test("R52: one address that guesses at many accounts waits, and the accounts stay open to others", () => {
  const { fail, wait } = limitsAt();
  for (let i = 0; i < 20; i++) expect(fail(`person${i}`, "192.0.2.1").ok).toBe(true);
  expect(wait("alice", "192.0.2.1")).toBe(1);
  expect(wait("alice", "192.0.2.2")).toBe(0);
});

test("R52: a burst cannot outrun the count: attempts count from their beginning", () => {
  const { fail } = limitsAt();
  const begun = Array.from({ length: 50 }, () => fail("alice", "192.0.2.1").ok);
  expect(begun.filter(Boolean)).toHaveLength(5);
});

test("R52: IPv6 addresses count by their /64 in every spelling, IPv4 inside of IPv6 as IPv4", () => {
  const spelled = limitsAt();
  for (let i = 0; i < 20; i++) spelled.fail(`p${i}`, i % 2 === 0 ? `2001:db8:0:1::${i}` : `2001:0db8:0000:0001:${i}:2:3:4`);
  expect(spelled.wait("alice", "2001:DB8:0:1:ffff::1")).toBe(1);
  expect(spelled.wait("alice", "2001:db8:0:2::1")).toBe(0);
  const mapped = limitsAt();
  for (let i = 0; i < 20; i++) mapped.fail(`p${i}`, "::ffff:192.0.2.7");
  expect(mapped.wait("alice", "192.0.2.7")).toBe(1);
});

test("R52: strangers who fail on purpose do not keep out whoever has signed in from the same address before", () => {
  const { limits, fail, wait } = limitsAt();
  const own = limits.begin("alice", "198.51.100.1");
  if (own.ok) own.succeeded();
  for (let i = 0; i < 40; i++) fail("alice", `192.0.2.${i}`);
  expect(wait("alice", "203.0.113.1")).toBeGreaterThan(0);
  expect(wait("alice", "198.51.100.1")).toBe(0);
});

test("R52: to sign in with one's own account does not clear the way to guess at others'", () => {
  const { limits, fail, wait } = limitsAt();
  for (let i = 0; i < 30; i++) {
    fail(`victim${i}`, "192.0.2.1");
    const own = limits.begin("mallory", "192.0.2.1");
    if (own.ok) own.succeeded();
  }
  expect(wait("alice", "192.0.2.1")).toBeGreaterThan(0);
});

test("R52: a lockout ends: an hour after the last failure all is forgotten", () => {
  const { fail, wait, pass } = limitsAt();
  for (let i = 0; i < 100; i++) fail("alice", "192.0.2.1");
  expect(wait("alice", "192.0.2.1")).toBeGreaterThan(0);
  pass(3_600_000);
  for (let i = 0; i < 5; i++) expect(fail("alice", "192.0.2.1").ok).toBe(true);
});

test("R52: memory is bounded whatever names and addresses come", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.ipV6(), fc.boolean()), { minLength: 200, maxLength: 300 }), (attempts) => {
      const { limits } = limitsAt(0, { maxEntries: 20 });
      for (const [account, address, right] of attempts) {
        const attempt = limits.begin(account, address);
        if (attempt.ok && right) attempt.succeeded();
        expect(limits.size()).toBeLessThanOrEqual(80);
      }
    }),
    { numRuns: 10 },
  );
});

test("R65: R52: a whole /48 of IPv6 guesses as one customer, whichever of its networks it uses; who signed in from there before does not wait", () => {
  const { limits, fail, wait } = limitsAt();
  const own = limits.begin("alice", "2001:db8:7:ffff::1");
  if (own.ok) own.succeeded();
  for (let i = 0; i < 100; i++) expect(fail(`p${i}`, `2001:db8:7:${i.toString(16)}::1`).ok).toBe(true);
  expect(wait("p200", "2001:db8:7:200::1")).toBe(1);
  expect(wait("p200", "2001:db8:8:200::1")).toBe(0);
  const again = limits.begin("alice", "2001:db8:7:ffff::2");
  expect(again).toMatchObject({ ok: true, known: true });
});

test("R65: an attempt that was turned away since the dashboard is busy counts for nothing", () => {
  const { limits, wait } = limitsAt();
  for (let i = 0; i < 300; i++) {
    const attempt = limits.begin("alice", "2001:db8::1");
    if (attempt.ok) attempt.withdrawn();
  }
  expect(wait("alice", "2001:db8::1")).toBe(0);
});
