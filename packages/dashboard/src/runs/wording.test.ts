import type { OpRequest, TerminalState } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { COMMIT, endedRun } from "./run.fixture.ts";
import type { EndedRun } from "./run.ts";
import { outcomeSentence, titleOf, wordOf } from "./wording.ts";

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
