import type { OpRequest } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { KnownFacts } from "../hosts/index.ts";
import { closure } from "../status/sample-status.fixture.ts";
import { postCheck } from "./post-check.ts";
import { COMMIT } from "./run.fixture.ts";

const OTHER = "b".repeat(40);
const END = 10;
const pull: OpRequest = { op: "pull", args: {} };
const switchTo = (args: Partial<Extract<OpRequest, { op: "switch" }>["args"]> = {}): OpRequest => ({
  op: "switch",
  args: { mode: "switch", ...args },
});
const rollback: OpRequest = { op: "rollback", args: { generation: 12 } };

const cloneAt = (commit: string | null, readAt = END): KnownFacts => ({ clone: { value: { commit }, readAt } }) as never;
const system = (
  running: string,
  { profile = running, readAt = END }: { profile?: string; readAt?: number } = {},
): KnownFacts => ({
  running: { value: { closure: running }, readAt },
  profile: { value: { closure: profile }, readAt },
});
const generations = (number: number, of: string): KnownFacts =>
  ({ generations: { value: [{ number, closure: of }], readAt: 1 } }) as never;
const deployed = (of: string, mode: "switch" | "boot" | "test" = "switch", commit: string | null = COMMIT) => ({
  closure: of,
  commit,
  mode,
});

test("R22: an op that changes nothing has nothing to prove", () => {
  expect(postCheck({ request: { op: "reboot", args: {} }, commit: null, deployed: null }, {}, END)).toEqual({ kind: "met" });
});

test("R22: a pull is proven by a clone that was read after it, at the commit", () => {
  const check = (facts: KnownFacts, commit: string | null = COMMIT) =>
    postCheck({ request: pull, commit, deployed: null }, facts, END);
  expect(check(cloneAt(COMMIT))).toEqual({ kind: "met" });
  expect(check(cloneAt(OTHER), null)).toEqual({ kind: "met" });
  expect(check({})).toMatchObject({ kind: "unknown", reason: "The host has not reported its clone since the run ended." });
  expect(check(cloneAt(COMMIT, END - 1))).toMatchObject({ kind: "unknown" });
  expect(check(cloneAt(OTHER))).toEqual({ kind: "missed", reason: "The clone is at bbbbbbb instead of 7f3a91c." });
  expect(check(cloneAt(null))).toEqual({ kind: "missed", reason: "The clone is at nothing instead of 7f3a91c." });
});

test("R22: a switch is proven by what the host runs, one for the next boot by its profile, read after it", () => {
  const check = (mode: "switch" | "boot" | "test", facts: KnownFacts) =>
    postCheck({ request: switchTo({ mode }), commit: COMMIT, deployed: deployed(closure("a"), mode) }, facts, END);
  for (const mode of ["switch", "test"] as const) {
    expect(check(mode, system(closure("a"), { profile: closure("b") }))).toEqual({ kind: "met" });
    expect(check(mode, system(closure("b"), { profile: closure("a") }))).toEqual({
      kind: "missed",
      reason: `The host runs ${closure("b")} instead of ${closure("a")}.`,
    });
  }
  expect(check("boot", system(closure("b"), { profile: closure("a") }))).toEqual({ kind: "met" });
  expect(check("boot", system(closure("a"), { profile: closure("b") }))).toEqual({
    kind: "missed",
    reason: `The system profile names ${closure("b")} instead of ${closure("a")}.`,
  });
  expect(check("switch", {})).toMatchObject({ kind: "unknown" });
  expect(check("switch", system(closure("a"), { readAt: END - 1 }))).toEqual({
    kind: "unknown",
    reason: "The host has not reported what it runs since the run ended.",
  });
});

test("R45: a switch that reports no activation, or one of another commit, has missed its goal", () => {
  const check = (commit: string | null, what: ReturnType<typeof deployed> | null) =>
    postCheck({ request: switchTo(), commit, deployed: what }, system(closure("a")), END);
  expect(check(COMMIT, null)).toEqual({ kind: "missed", reason: "The host reported no activation." });
  expect(check(COMMIT, deployed(closure("a"), "switch", OTHER))).toEqual({
    kind: "missed",
    reason: "The host deployed bbbbbbb instead of 7f3a91c.",
  });
  expect(check(COMMIT, deployed(closure("a"), "switch", null))).toMatchObject({
    reason: "The host deployed nothing instead of 7f3a91c.",
  });
  expect(check(null, deployed(closure("a"), "switch", OTHER))).toEqual({ kind: "met" });
});

test("R34: a switch to a closure has to activate exactly that, a rollback what its generation is", () => {
  const switched = (requested: string) =>
    postCheck(
      { request: switchTo({ closure: requested }), commit: COMMIT, deployed: deployed(closure("a")) },
      system(closure("a")),
      END,
    );
  expect(switched(closure("a"))).toEqual({ kind: "met" });
  expect(switched(closure("b"))).toEqual({
    kind: "missed",
    reason: `The host activated ${closure("a")} instead of ${closure("b")}.`,
  });
  const rolledBack = (more: KnownFacts) =>
    postCheck(
      { request: rollback, commit: null, deployed: deployed(closure("a"), "switch", null) },
      { ...system(closure("a")), ...more },
      END,
    );
  expect(rolledBack(generations(12, closure("a")))).toEqual({ kind: "met" });
  expect(rolledBack(generations(12, closure("b")))).toEqual({
    kind: "missed",
    reason: `The host activated ${closure("a")} instead of generation 12, ${closure("b")}.`,
  });
  // Which closure it was is not known: what runs says enough.
  expect(rolledBack(generations(11, closure("b")))).toEqual({ kind: "met" });
  expect(rolledBack({})).toEqual({ kind: "met" });
});

test("a specialisation is not asked of a host that takes it with its next boot", () => {
  const request = switchTo({ mode: "boot", specialisation: "gaming" });
  const run = { request, commit: COMMIT, deployed: deployed(closure("a"), "boot") };
  expect(postCheck(run, system(closure("b"), { profile: closure("a") }), END)).toEqual({ kind: "met" });
});
