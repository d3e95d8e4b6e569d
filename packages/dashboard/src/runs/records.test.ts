import type { HostId, RunId } from "@nixfleet/protocol";
import { expect, test } from "vitest";
import { newRow, type RunRow, runOf } from "./records.ts";
import { newRun } from "./run.ts";

const run = newRun({
  id: "01j00000000000000000000001" as RunId,
  hostId: "01j00000000000000000000000" as HostId,
  request: { op: "pull", args: {} },
  commit: null,
  deadline: 1000,
  createdAt: 1,
  askedBy: "ada",
  force: false,
});
const row = (awaitedProof: object | null) =>
  ({
    ...newRow(run, { number: 1, subject: null }),
    progress_state: JSON.stringify({ slow: false, phases: [], deployed: null, awaitedProof }),
  }) as RunRow;

test("a run that was stored while it waited for its proof is read with the host's reason, and without one where none was kept", () => {
  const awaited = { hostTime: 10, endedAt: 11, until: 12 };
  expect(runOf(row({ ...awaited, reason: "No tests." })).awaitedProof).toEqual({ ...awaited, reason: "No tests." });
  expect(runOf(row(awaited)).awaitedProof).toEqual({ ...awaited, reason: null });
  expect(runOf(row(null)).awaitedProof).toBeNull();
});
