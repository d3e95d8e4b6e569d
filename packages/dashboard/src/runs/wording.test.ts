import {
  type BuildProgress,
  FAILURES,
  type OpRequest,
  type Phase,
  REFUSALS,
  type TerminalState,
  type TestResult,
} from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { NO_SHARE } from "./records.ts";
import { COMMIT, endedRun, queuedRun, runningRun } from "./run.fixture.ts";
import type { EndedRun } from "./run.ts";
import { explain, outcomeSentence, sentenceOf, shareOf, titleOf, wordOf } from "./wording.ts";

const BACK = `/nix/store/${"1".repeat(32)}-nixos-system-alpha-26.11`;
const switching: OpRequest = { op: "switch", args: { mode: "switch" } };
const rollback: OpRequest = { op: "rollback", args: { generation: 12 } };

const ended = (request: OpRequest, state: TerminalState, more: Partial<EndedRun> = {}): EndedRun =>
  endedRun(state, { request, commit: request.op === "rollback" ? null : COMMIT, ...more });
const undone = (request: OpRequest, reason: string, firstError: string | null = null) =>
  ended(request, "rolled-back", { outcome: { code: "units-failed", reason, firstError, reported: true, back: BACK } });

test.each<[string, OpRequest, string | null]>([
  ["Preview 7f3a91c", { op: "preview", args: {} }, COMMIT],
  ["Preview generation 12", { op: "preview", args: { generation: 12 } }, null],
  ["Preview 7f3a91c against generation 9", { op: "preview", args: { against: 9 } }, COMMIT],
  ["Switch to 7f3a91c", { op: "switch", args: { mode: "switch", closure: BACK } }, COMMIT],
  ["Switch to 7f3a91c at the next boot", { op: "switch", args: { mode: "boot" } }, COMMIT],
  ["Try 7f3a91c until the next boot", { op: "switch", args: { mode: "test" } }, COMMIT],
  ["Switch to an unknown commit", switching, null],
  ["Pull 7f3a91c", { op: "pull", args: {} }, COMMIT],
  ["Roll back to generation 12", rollback, null],
  ["Reboot", { op: "reboot", args: {} }, null],
  ["Collect garbage", { op: "collect-garbage", args: { keepDays: 30 } }, null],
])("a run is called %s", (title, request, commit) => {
  expect(titleOf(request, commit)).toBe(title);
});

test("R37: a run that was rolled back says what was undone, why, the first error, and what runs now", () => {
  expect(outcomeSentence(undone(switching, "nginx.service failed", "nginx: [emerg] no such file."))).toBe(
    "The switch to 7f3a91c was undone. nginx.service failed. nginx: [emerg] no such file. The host is back on the previous system, nixos-system-alpha-26.11.",
  );
  expect(outcomeSentence(undone(rollback, "Nobody confirmed it."))).toBe(
    "The rollback to generation 12 was undone. Nobody confirmed it. The host is back on the previous system, nixos-system-alpha-26.11.",
  );
  // Not twice, where the host's own reason names what runs.
  expect(outcomeSentence(undone(switching, `Nobody confirmed it. The host runs ${BACK} again.`))).toBe(
    `The switch to 7f3a91c was undone. Nobody confirmed it. The host runs ${BACK} again.`,
  );
});

test("what was deployed for the next boot does not count as running, whichever way was asked for", () => {
  const deployed = { closure: BACK, commit: COMMIT, mode: "boot" as const };
  expect(outcomeSentence(ended(switching, "succeeded", { deployed }))).toBe("7f3a91c starts at the next boot.");
  expect(outcomeSentence(ended(rollback, "succeeded", { deployed }))).toBe("Generation 12 starts at the next boot.");
  expect(outcomeSentence(ended(rollback, "succeeded"))).toBe("The host runs generation 12.");
});

test("a state that is two words reads as two", () => {
  expect(wordOf(ended(switching, "rolled-back"), null)).toBe("rolled back");
  expect(wordOf(ended(switching, "timed-out"), null)).toBe("timed out");
});

const during = (phase: Phase, more: { endedAt?: number } = {}) =>
  runningRun({
    phases: [
      { phase: "fetch", startedAt: 1, endedAt: 2 },
      { phase, startedAt: 2, endedAt: more.endedAt ?? null },
    ],
  });
const counts = { done: 0, expected: 0 };
const progressOf = (builds: [number, number], copies: [number, number], now: string[] = []): BuildProgress => ({
  builds: { done: builds[0], expected: builds[1], running: 1, failed: 0 },
  copies: { done: copies[0], expected: copies[1] },
  bytes: counts,
  now: now.map((name) => ({ name, since: 1 })),
});
const tested = (number: number, total: number) => ({ number, total }) as TestResult;

test.each<[Phase, string]>([
  ["fetch", "Fetching the config repository."],
  ["verify", "Verifying the commit."],
  ["evaluate", "Evaluating the configuration."],
  ["build", "Building."],
  ["diff", "Comparing the new closure with the running one."],
  ["activate", "Activating."],
  ["confirm", "Confirming that the host works and still reaches the dashboard. Otherwise it goes back to the previous system."],
  ["undo", "Going back to the previous system."],
  ["test", "Running the host's tests."],
  ["restart", "Restarting the agent."],
  ["reboot", "Rebooting the machine."],
  ["collect", "Removing old generations and freeing the store."],
  ["refresh", "Reading all facts of the host."],
])("in the phase %s a run says: %s", (phase, expected) => {
  expect(sentenceOf(during(phase), NO_SHARE)).toBe(expected);
});

test("a run that works says what is in the way before it names its phase", () => {
  const run = during("build");
  const cancel = { at: 3, by: "ada" };
  const awaitedProof = { hostTime: 1, endedAt: 2, until: 3, reason: null };
  expect(sentenceOf(runningRun(), NO_SHARE)).toBe("Started on the host.");
  expect(sentenceOf({ ...run, stage: "proving", awaitedProof }, NO_SHARE)).toMatch(/^The host reports that it is done/);
  expect(sentenceOf({ ...run, stage: "proving", awaitedProof, cancel }, NO_SHARE)).toBe("The host is stopping the run.");
  expect(sentenceOf({ ...run, cancel, linkLost: true }, NO_SHARE)).toMatch(/^The host is not connected/);
});

test("a run that has not started says what it waits for", () => {
  const queued = queuedRun();
  const hold = { by: "time", reason: "Waits until midnight.", until: 7 } as const;
  expect(sentenceOf(queued, NO_SHARE)).toBe("Waiting for another run on this host.");
  expect(sentenceOf({ ...queued, queueReason: "host-offline" }, NO_SHARE)).toBe("Waiting for the host to connect.");
  expect(sentenceOf({ ...queued, queueReason: "held" }, NO_SHARE)).toBe("Waiting for its turn.");
  expect(sentenceOf({ ...queued, hold }, NO_SHARE)).toBe("Waits until midnight.");

  const { phases: _, deployed: __, armed: ___, slow: ____, startedAt: _____, ...sent } = runningRun();
  const starting = { ...sent, stage: "starting", state: "starting" } as const;
  expect(sentenceOf(starting, NO_SHARE)).toBe("Sent to the host, not started yet.");
  expect(sentenceOf({ ...starting, cancel: { at: 3, by: null } }, NO_SHARE)).toBe("Cancelling before it starts.");
  expect(sentenceOf({ ...starting, linkLost: true }, NO_SHARE)).toMatch(
    /^The run was sent to the host, which is now disconnected/,
  );
});

test.each([
  [progressOf([0, 0], [0, 0]), "Building."],
  [progressOf([1, 3], [0, 0]), "1 of 3 built."],
  [progressOf([0, 0], [2, 5]), "2 of 5 fetched."],
  [progressOf([1, 3], [2, 5], ["hello"]), "1 of 3 built, 2 of 5 fetched, hello now."],
  [progressOf([0, 0], [0, 0], ["a", "b", "c"]), "A, b, c now."],
  [progressOf([0, 0], [0, 0], ["a", "b", "c", "d", "e"]), "A, b, c and 2 more now."],
])("a build says what is done, and at most three names of what is built now (%#)", (progress, expected) => {
  expect(sentenceOf(during("build"), { progress, tests: [] })).toBe(expected);
});

test("the host's tests are counted", () => {
  expect(sentenceOf(during("test"), { progress: null, tests: [tested(1, 4), tested(2, 4)] })).toBe("Test 2 of 4 is done.");
});

test("the share of a phase is that of its builds and fetches, or of its tests; none where nobody knows", () => {
  const share = { progress: progressOf([1, 2], [2, 4]), tests: [tested(1, 4)] };
  expect(shareOf(during("build"), share)).toBe(0.5);
  expect(shareOf(during("test"), share)).toBe(0.25);
  expect(shareOf(during("test"), { ...share, tests: [tested(5, 4)] })).toBe(1);
  expect(shareOf(during("build"), { ...share, progress: progressOf([3, 2], [4, 4]) })).toBe(1);
  expect(shareOf(during("build"), { ...share, progress: progressOf([0, 0], [0, 0]) })).toBeNull();
  expect(shareOf(during("build"), { ...share, progress: null })).toBeNull();
  expect(shareOf(during("test"), { ...share, tests: [] })).toBeNull();
  expect(shareOf(during("activate"), share)).toBeNull();
  expect(shareOf(during("test", { endedAt: 3 }), share)).toBeNull();
  expect(shareOf(runningRun(), share)).toBeNull();
});

test("in small spaces a run is its phase with its share, or its state", () => {
  expect(wordOf(during("build"), null)).toBe("Build");
  expect(wordOf(during("build"), 0.256)).toBe("Build 26 %");
  expect(wordOf(runningRun(), null)).toBe("running");
  expect(wordOf({ ...during("build"), cancel: { at: 1, by: null } }, 0.5)).toBe("cancelling");
  const awaitedProof = { hostTime: 1, endedAt: 2, until: 3, reason: null };
  expect(wordOf({ ...during("test"), stage: "proving", awaitedProof }, null)).toBe("Test");
  expect(wordOf(queuedRun(), null)).toBe("queued");
});

test.each<[string, OpRequest]>([
  ["The clone is at 7f3a91c.", { op: "pull", args: {} }],
  ["The host runs 7f3a91c.", switching],
  ["The host runs 7f3a91c until its next boot.", { op: "switch", args: { mode: "test" } }],
  ["7f3a91c starts at the next boot.", { op: "switch", args: { mode: "boot" } }],
  ["The preview of a switch to 7f3a91c is ready. Nothing was changed.", { op: "preview", args: {} }],
  ["The preview of a rollback to generation 12 is ready. Nothing was changed.", { op: "preview", args: { generation: 12 } }],
  ["The host is back after the reboot.", { op: "reboot", args: {} }],
  ["Old generations and unneeded store paths were removed.", { op: "collect-garbage", args: { keepDays: 30 } }],
  ["All tests passed.", { op: "test", args: {} }],
  ["All facts were read again.", { op: "refresh", args: {} }],
  ["The agent was restarted.", { op: "restart-agent", args: {} }],
])("a run that succeeded says: %s", (expected, request) => {
  expect(sentenceOf(ended(request, "succeeded", { commit: COMMIT }), NO_SHARE)).toBe(expected);
});

test("the host's own reason comes before that of the code, and the first error follows unless it is in the reason", () => {
  const failed = (reason: string | null, firstError: string | null = null) =>
    outcomeSentence(ended(switching, "failed", { outcome: { code: "build-failed", reason, firstError, reported: true } }));
  expect(failed("It broke")).toBe("It broke");
  expect(failed("It broke", "error: x")).toBe("It broke. error: x");
  expect(failed("It broke: error: x", "error: x")).toBe("It broke: error: x");
  expect(failed(null)).toBe(FAILURES["build-failed"].sentence);
  expect(failed("")).toBe(FAILURES["build-failed"].sentence);
  const passed = { code: null, reason: "Already there.", firstError: null, reported: true };
  expect(outcomeSentence(ended(switching, "succeeded", { outcome: passed }))).toBe("Already there.");
  const unnamed = ended(switching, "rolled-back", { outcome: { ...passed, code: "units-failed", reason: "It broke" } });
  expect(outcomeSentence(unnamed)).toBe("The switch to 7f3a91c was undone. It broke. The host is back on the previous system.");
});

test("a code is explained by its failure or refusal; without one, the reason or the state has to do", () => {
  const withCode = (outcome: Partial<EndedRun["outcome"]>) =>
    explain(
      ended(switching, "cancelled", { outcome: { code: null, reason: null, firstError: null, reported: true, ...outcome } }),
    );
  expect(withCode({ code: "build-failed" })).toEqual(FAILURES["build-failed"]);
  expect(withCode({ code: "already-current" })).toEqual(REFUSALS["already-current"]);
  expect(withCode({ reason: "ada cancelled it." })).toEqual({ sentence: "ada cancelled it.", next: null });
  expect(withCode({})).toEqual({ sentence: "It ended as cancelled.", next: null });
});
