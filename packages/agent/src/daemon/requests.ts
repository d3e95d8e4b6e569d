import {
  type FromAgent,
  type FromDashboardOf,
  type OpName,
  parseOpRequest,
  type RefusalCode,
  type RunId,
  type StartRun,
  shorten,
} from "@nixfleet/protocol";
import { type Clock, createSerial, isDiskFull, messageOf } from "@nixfleet/runtime";
import type { Log } from "../log.ts";
import type { DaemonFiles } from "../spool/daemon-files.ts";
import type { SpoolReader } from "../spool/event-reader.ts";

/** Requests that may wait on the host: one after the other is what a dashboard sends. */
const LONGEST_QUEUE = 50;
/** The longest deadline that a request has, in milliseconds: a week. */
const LONGEST_DEADLINE = 604_800_000;

export interface RequestsDeps {
  files: Pick<DaemonFiles, "putRequest" | "queued" | "askCancel">;
  spool: Pick<SpoolReader, "has" | "outcome">;
  allowedOps: readonly OpName[];
  clock: Clock;
  log: Log;
  send: (message: FromAgent) => boolean;
  /** A request was put into the queue. */
  onQueued: () => void;
  /** The dashboard asks for a run that is known: it is to be reported, not done again. */
  onRepeated: (runId: RunId) => void;
}

/** Turns what the dashboard asks for into files for the runner, one after the other, and nothing else (R10). */
export interface Requests {
  start(message: StartRun): Promise<void>;
  cancel(message: FromDashboardOf<"cancelRun">): Promise<void>;
}

export function createRequests(deps: RequestsDeps): Requests {
  const { files, spool, clock, log } = deps;
  /** In the order in which they came: a repeated request must find the first one's file. */
  const serial = createSerial({ onError: (error) => log.error("request-failed", { message: messageOf(error) }) });
  const refuse = (runId: RunId, code: RefusalCode, reason: string) => {
    log.warn("run-refused", { runId, code, reason });
    deps.send({ type: "runRefused", runId, code, reason: shorten(reason, 2000) });
  };

  const start = async ({ runId, op, args, commit, deadline, askedBy, force, confirmSecret }: StartRun) => {
    const queued = await files.queued();
    // The queue first: the runner begins the spool before it empties the queue.
    if (queued.includes(runId) || (await spool.has(runId))) {
      log.info("run-repeated", { runId });
      deps.onRepeated(runId);
      return;
    }
    const parsed = parseOpRequest(op, args);
    if (!parsed.ok) return refuse(runId, parsed.code, parsed.reason);
    if (!deps.allowedOps.includes(parsed.request.op)) {
      return refuse(runId, "op-not-allowed-on-host", `This host allows only these ops: ${deps.allowedOps.join(", ")}.`);
    }
    if (queued.length >= LONGEST_QUEUE)
      return refuse(runId, "queue-full", `${queued.length} runs are already waiting on this host.`);
    const request = {
      runId,
      op,
      args: parsed.request.args,
      commit,
      deadline: Math.min(deadline, LONGEST_DEADLINE),
      askedBy,
      force,
      receivedAt: clock.now(),
      ...(confirmSecret === undefined ? {} : { confirmSecret }),
    };
    try {
      await files.putRequest(request);
    } catch (error) {
      if (!(await isKnown(runId))) return failToStart(runId, error);
      // The file is there and only its flush has failed: the run will be done, so it is not told as failed.
      log.error("request-not-flushed", { runId, message: messageOf(error) });
    }
    log.info("run-queued", { runId, op, askedBy });
    deps.onQueued();
  };

  const isKnown = async (runId: RunId) => (await files.queued()).includes(runId) || (await spool.has(runId));

  /** No file, no run: what is reported is the whole truth about it, and asking again is safe. */
  const failToStart = (runId: RunId, error: unknown) => {
    const reason = shorten(`The request could not be written on the host: ${messageOf(error)}`, 2000);
    log.error("request-not-written", { runId, message: reason });
    const outcome = { state: "failed", code: isDiskFull(error) ? "disk-full" : "internal", reason } as const;
    deps.send({ type: "runEvents", runId, events: [{ seq: 1, at: clock.now(), kind: "finished", outcome }] });
  };

  const cancel = async (runId: RunId) => {
    const isQueued = (await files.queued()).includes(runId);
    if (!isQueued && !(await spool.has(runId))) {
      log.info("cancel-of-unknown-run", { runId });
      return;
    }
    if (!isQueued && (await spool.outcome(runId)).kind !== "missing") return;
    await files.askCancel(runId);
    log.info("cancel-asked", { runId });
    deps.onQueued();
  };

  return {
    start: (message) => serial.add(() => start(message)),
    cancel: ({ runId }) => serial.add(() => cancel(runId)),
  };
}
