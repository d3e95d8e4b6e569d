import type { HostId, RunId, TerminalState } from "@nixfleet/protocol";
import type { ActorRef } from "../actor.ts";
import { type EndedRun, newRun, type QueuedRun, type RunningRun, type RunOrder } from "./run.ts";

export const RUN_ID = "01j00000000000000000000001" as RunId;
export const HOST_ID = "01j00000000000000000000000" as HostId;
export const COMMIT = "7f3a91c".padEnd(40, "0");
export const ada: ActorRef = { kind: "person", id: "1", name: "ada" };

// Runs as tests need them: what a test is about is what it says.

export function sampleOrder(more: Partial<RunOrder> = {}): RunOrder {
  return {
    id: RUN_ID,
    hostId: HOST_ID,
    hostName: "alpha",
    request: { op: "switch", args: { mode: "switch" } },
    sourceId: null,
    commit: COMMIT,
    deadline: 1000,
    createdAt: 1,
    actor: ada,
    force: false,
    ...more,
  };
}

export function queuedRun(more: Partial<RunOrder> = {}): QueuedRun {
  return newRun(sampleOrder(more), { queueReason: "host-busy" });
}

export function runningRun(more: Partial<RunningRun> = {}): RunningRun {
  return {
    ...sampleOrder(),
    stage: "running",
    state: "running",
    sentAt: 1,
    cancel: null,
    linkLost: false,
    confirmSecret: null,
    inquiry: null,
    reopened: false,
    startedAt: 1,
    slow: false,
    phases: [],
    deployed: null,
    armed: null,
    ...more,
  };
}

export function endedRun(state: TerminalState, more: Partial<EndedRun> = {}): EndedRun {
  return {
    ...sampleOrder(),
    stage: "ended",
    state,
    endedAt: 2,
    outcome: { code: null, reason: null, firstError: null, reported: true },
    lateReport: null,
    sentAt: 1,
    startedAt: 1,
    cancel: null,
    phases: [],
    deployed: null,
    reopened: false,
    confirmSecret: null,
    ...more,
  };
}
