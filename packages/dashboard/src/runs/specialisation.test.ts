import type { Facts, OpRequest } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import type { KnownFacts } from "../hosts/index.ts";
import { closure, T } from "../status/sample-status.fixture.ts";
import { postCheck } from "./post-check.ts";
import { type PreCheckFacts, preCheck } from "./pre-checks.ts";

const ofC = { closure: closure("x"), specialisation: { name: "gaming", of: closure("c") } };
const factsWith = (running: Facts["running"]): KnownFacts => ({
  running: { value: running, readAt: 10 },
  profile: { value: { closure: closure("c") }, readAt: 10 },
});
const switchTo = (args: Partial<Extract<OpRequest, { op: "switch" }>["args"]> = {}): OpRequest => ({
  op: "switch",
  args: { mode: "switch", ...args },
});
const known = (running: Facts["running"]): PreCheckFacts => ({
  platform: "nixos",
  allowedOps: null,
  facts: factsWith(running),
  deployedCommits: (one) => (one === closure("c") ? [T] : []),
  commit: T,
});

test.for([
  ["a switch that keeps the specialisation of the target", ofC, {}, "already-current"],
  ["a switch to the specialisation that runs", ofC, { specialisation: "gaming" }, "already-current"],
  ["a switch to another specialisation", ofC, { specialisation: "quiet" }, undefined],
  ["a switch out of the specialisation", ofC, { specialisation: null }, undefined],
  ["a switch to a specialisation, where none runs", { closure: closure("c") }, { specialisation: "gaming" }, undefined],
  ["a switch to none, where none runs", { closure: closure("c") }, { specialisation: null }, "already-current"],
] as const)("%s of what was deployed: already current or not", ([, running, args, code]) => {
  expect(preCheck(switchTo(args), false, known(running))?.code).toBe(code);
});

const check = (request: OpRequest, running: Facts["running"]) =>
  postCheck({ request, commit: T, deployed: { closure: closure("c"), commit: T, mode: "switch" } }, factsWith(running), 5);

test("a switch is met by a specialisation of what it deployed, and by the one that was asked for only", () => {
  expect(check(switchTo(), ofC)).toEqual({ kind: "met" });
  expect(check(switchTo({ specialisation: "gaming" }), ofC)).toEqual({ kind: "met" });
  expect(check(switchTo({ specialisation: null }), ofC)).toMatchObject({
    kind: "missed",
    reason: expect.stringContaining("gaming instead of no spec"),
  });
  expect(check(switchTo({ specialisation: "quiet" }), { closure: closure("c") })).toMatchObject({ kind: "missed" });
  expect(check(switchTo(), { closure: closure("x") })).toMatchObject({ kind: "missed" });
});
