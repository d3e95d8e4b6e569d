import { type OpRequest, opDeclaration, REFUSALS } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { closure } from "../status/sample-status.fixture.ts";
import { commitOf, deadlineOf, type PreCheckFacts, preCheck } from "./pre-checks.ts";
import { COMMIT } from "./run.fixture.ts";

const OTHER = "b".repeat(40);
const A = closure("a");
const B = closure("b");
const pull: OpRequest = { op: "pull", args: {} };
const switchTo = (mode: "switch" | "boot" | "test" = "switch"): OpRequest => ({ op: "switch", args: { mode } });
const preview: OpRequest = { op: "preview", args: {} };
const previewOfGeneration: OpRequest = { op: "preview", args: { generation: 12 } };

/** A host that runs A, deployed from the target, and would boot it. */
const host = (more: Partial<PreCheckFacts> = {}): PreCheckFacts => ({
  platform: "nixos",
  allowedOps: null,
  facts: { running: { value: { closure: A }, readAt: 1 }, profile: { value: { closure: A }, readAt: 1 } },
  deployedCommits: (of) => (of === A ? [OTHER, COMMIT] : []),
  commit: COMMIT,
  ...more,
});
const running = (
  of: string,
  { profile = of, revision }: { profile?: string; revision?: string } = {},
): PreCheckFacts["facts"] => ({
  running: { value: { closure: of, revision }, readAt: 1 },
  profile: { value: { closure: profile }, readAt: 1 },
});
const codeOf = (request: OpRequest, known: PreCheckFacts, force = false) => preCheck(request, force, known)?.code ?? null;

test("what the host's own configuration does not allow is refused, also by force", () => {
  const known = host({ allowedOps: ["pull"] });
  expect(preCheck({ op: "reboot", args: {} }, true, known)).toEqual({
    code: "op-not-allowed-on-host",
    reason: REFUSALS["op-not-allowed-on-host"].sentence,
  });
  expect(codeOf(pull, known)).toBeNull();
  expect(codeOf({ op: "reboot", args: {} }, host())).toBeNull();
});

test("what needs the target is refused while it is not known, with the reason why it is not", () => {
  const unknown = host({ commit: null });
  expect(preCheck(pull, false, unknown)).toEqual({ code: "target-unknown", reason: REFUSALS["target-unknown"].sentence });
  expect(preCheck(pull, false, { ...unknown, noTarget: "The source is not declared." })).toEqual({
    code: "target-unknown",
    reason: "The source is not declared.",
  });
  expect(codeOf(switchTo(), unknown)).toBe("target-unknown");
  expect(codeOf(switchTo(), unknown, true)).toBe("target-unknown");
  expect(codeOf(preview, unknown)).toBe("target-unknown");
  expect(codeOf(previewOfGeneration, unknown)).toBeNull();
  expect(codeOf({ op: "rollback", args: { generation: 1 } }, unknown)).toBeNull();
});

test("a switch to what runs, was deployed from the commit and would boot is refused unless it is forced", () => {
  expect(codeOf(switchTo(), host())).toBe("already-current");
  expect(codeOf(switchTo(), host(), true)).toBeNull();
  expect(codeOf(switchTo(), host({ commit: "c".repeat(40) }))).toBeNull();
  expect(codeOf(switchTo(), host({ facts: {} }))).toBeNull();
  expect(codeOf(preview, host())).toBeNull();
});

test("each mode of a switch compares what it would change", () => {
  const tried = host({ facts: running(A, { profile: B }) });
  expect(codeOf(switchTo("test"), tried)).toBe("already-current");
  // The profile is still to be set.
  expect(codeOf(switchTo("switch"), tried)).toBeNull();
  expect(codeOf(switchTo("boot"), tried)).toBeNull();
  const forNextBoot = host({ facts: running(B, { profile: A }) });
  expect(codeOf(switchTo("boot"), forNextBoot)).toBe("already-current");
  expect(codeOf(switchTo("switch"), forNextBoot)).toBeNull();
  expect(codeOf(switchTo("test"), forNextBoot)).toBeNull();
  const { profile: _, ...withoutProfile } = running(A);
  expect(codeOf(switchTo("switch"), host({ facts: withoutProfile }))).toBe("already-current");
  expect(codeOf(switchTo("boot"), host({ facts: withoutProfile }))).toBeNull();
});

test("what runs may name the commit as its revision itself; that says nothing of another closure", () => {
  const none = { deployedCommits: () => [] };
  expect(codeOf(switchTo(), host({ ...none, facts: running(A, { revision: COMMIT }) }))).toBe("already-current");
  expect(codeOf(switchTo(), host({ ...none, facts: running(A, { revision: OTHER }) }))).toBeNull();
  expect(codeOf(switchTo("boot"), host({ ...none, facts: running(A, { profile: B, revision: COMMIT }) }))).toBeNull();
  expect(codeOf(switchTo("boot"), host({ ...none, facts: running(A, { revision: COMMIT }) }))).toBe("already-current");
});

test("a run is about the commit that it names, else about the target, if it needs one", () => {
  expect(commitOf({ op: "switch", args: { mode: "switch", commit: OTHER } }, COMMIT)).toBe(OTHER);
  expect(commitOf(switchTo(), COMMIT)).toBe(COMMIT);
  expect(commitOf(switchTo(), null)).toBeNull();
  expect(commitOf(previewOfGeneration, COMMIT)).toBeNull();
  expect(commitOf(preview, COMMIT)).toBe(COMMIT);
  expect(commitOf({ op: "reboot", args: {} }, COMMIT)).toBeNull();
});

test("a run may take as long as the setting of its op says, else as its declaration does", () => {
  expect(deadlineOf(pull, { pull: 7, switch: 8 })).toBe(7);
  expect(deadlineOf(pull, { switch: 8 })).toBe(opDeclaration("pull").deadline);
});
