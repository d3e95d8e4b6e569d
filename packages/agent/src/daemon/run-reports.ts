import { type FromAgent, type FromDashboardOf, type RunId, shorten } from "@nixfleet/protocol";
import { createSerial, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { Shipper } from "../ship/shipper.ts";
import type { HeldRuns } from "./held-runs.ts";

/** Questions that may wait for the disk: as many as one hello can raise. */
const MOST_QUESTIONS = 1000;

export interface RunReportsDeps {
  heldRuns: Pick<HeldRuns, "report">;
  shipper: Pick<Shipper, "resend">;
  send: (message: FromAgent) => boolean;
  log: Log;
}

/** Tells what the host holds of a run, beside its events. */
export interface RunReports {
  /** Answers the dashboard's question. */
  answer(question: FromDashboardOf<"reportRun">): Promise<void>;
  /** Events of this run are missing or cannot be read. */
  fault(runId: RunId, reason: string): Promise<void>;
}

export function createRunReports({ heldRuns, shipper, send, log }: RunReportsDeps): RunReports {
  const serial = createSerial({ onError: (error) => log.error("run-not-reported", { message: messageOf(error) }) });
  const waiting = new Set<RunId>();

  return {
    async answer({ runId, fromSeq }) {
      if (waiting.has(runId)) return;
      if (waiting.size >= MOST_QUESTIONS) return log.warn("question-dropped", { runId });
      waiting.add(runId);
      await serial.add(async () => {
        waiting.delete(runId);
        const held = await heldRuns.report(runId);
        send({ type: "runReport", runId, held });
        if (fromSeq === undefined || held === null || held.state === "queued") return;
        shipper.resend(runId, fromSeq, held.state === "finished" ? held.lastSeq : undefined);
      });
    },
    async fault(runId, reason) {
      await serial.add(async () => {
        const held = await heldRuns.report(runId);
        if (held?.state === "finished") send({ type: "runReport", runId, held, fault: shorten(reason, 500) });
      });
    },
  };
}
