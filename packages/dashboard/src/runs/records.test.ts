import { expect, test } from "vitest";
import { changedColumns, newRow, type RunRow, runOf } from "./records.ts";
import { COMMIT, endedRun, queuedRun, runningRun } from "./run.fixture.ts";
import type { Run } from "./run.ts";

const cancel = { at: 5, by: "ada" };
const awaitedProof = { hostTime: 10, endedAt: 11, until: 12, reason: "No tests." };
const running = runningRun({
  startedAt: 2,
  phases: [{ phase: "build", startedAt: 3, endedAt: null }],
  deployed: { closure: "/nix/store/x", commit: COMMIT, mode: "switch" },
  armed: { until: 9, back: "/nix/store/y" },
  confirmSecret: "s",
  slow: true,
  linkLost: true,
  cancel,
});
const { phases: _, deployed: __, armed: ___, slow: ____, startedAt: _____, ...sent } = running;

test.each<[string, Run]>([
  ["queued", { ...queuedRun(), waitingSince: 9 }],
  ["held", { ...queuedRun(), queueReason: "held", hold: { by: "time", reason: "Waits until midnight.", until: 7 } }],
  ["starting", { ...sent, stage: "starting", state: "starting" }],
  ["running", running],
  ["proving", { ...running, stage: "proving", awaitedProof }],
  ["succeeded", endedRun("succeeded", { deployed: running.deployed })],
  ["cancelled before it was sent", endedRun("cancelled", { cancel, sentAt: null, startedAt: null })],
  ["lost, and told of later", endedRun("lost", { lateReport: "The host reported that it failed." })],
])("a run that is %s is read from its row as it was stored", (_name, run) => {
  const row = { ...newRow(queuedRun(), { number: 1, subject: null }), ...changedColumns(run) } as RunRow;
  expect(runOf(row)).toEqual(run);
  // An update leaves out what is undefined: the row would keep what it had.
  expect(Object.values(changedColumns(run))).not.toContain(undefined);
});

test("an ended run that does not say how it ended was not written by this program", () => {
  const row = { ...newRow(endedRun("failed"), { number: 1, subject: null }), run_outcome: null } as RunRow;
  expect(() => runOf(row)).toThrow("has ended without a time or an outcome");
});

test("of a run that waits or has ended the row keeps nothing that only holds while it works", () => {
  for (const run of [queuedRun(), endedRun("failed")]) {
    expect(changedColumns(run)).toMatchObject({
      link_lost: false,
      slow: false,
      armed: null,
      confirm_secret: null,
      awaited_proof: null,
    });
  }
});
