import { expect, test } from "vitest";
import { canCutOff, canForce, OpName, opDeclaration, REFUSALS, RefusalCode, skippedByForce } from "./index.ts";

const refusalsOf = (op: OpName) => skippedByForce(op).map(({ refusal }) => refusal);

test("force skips for each op the checks that the dashboard and the agent make for it, and no other", () => {
  expect(refusalsOf("switch")).toEqual(["already-current", "not-fast-forward", "agent-missing", "would-lock-out"]);
  // An older generation is no fast-forward ever: where that is refused, force does not help.
  expect(refusalsOf("rollback")).toEqual(["already-current", "agent-missing", "would-lock-out"]);
  for (const op of OpName.options) {
    if (opDeclaration(op).preChecks.includes("not-already-current")) expect(refusalsOf(op)).toContain("already-current");
  }
  for (const op of OpName.options) if (!opDeclaration(op).phases.includes("activate")) expect(skippedByForce(op)).toEqual([]);
});

test("every refusal that can be skipped is skipped for some op, and says by name what then happens", () => {
  const skipped = new Map(OpName.options.flatMap((op) => skippedByForce(op).map((check) => [check.refusal as string, check])));
  expect([...skipped.keys()].sort()).toEqual(RefusalCode.options.filter((code) => REFUSALS[code].skippable).sort());
  for (const { check, effect } of skipped.values()) {
    expect(check).toMatch(/^[A-Z].*[^.]$/);
    expect(effect).toMatch(/^[A-Z].*\.$/);
  }
});

test("R83: to lose the agent or a way into the host is agreed to by name, and nothing else is", () => {
  expect(RefusalCode.options.filter(canCutOff)).toEqual(["agent-missing", "would-lock-out"]);
  expect(["toString", "build-failed"].filter(canCutOff)).toEqual([]);
});

test("a refusal can be forced only where it is skippable and the op makes its check", () => {
  expect([
    canForce("switch", "already-current"),
    canForce("rollback", "not-fast-forward"),
    canForce("switch", "host-busy"),
  ]).toEqual([true, false, false]);
  expect([canForce("pull", "already-current"), canForce("switch", "no-such-code")]).toEqual([false, false]);
});
