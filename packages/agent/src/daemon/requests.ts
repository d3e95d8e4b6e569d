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
import type { RunRequest } from "../spool/shapes.ts";

/** Requests that may wait on the host: one after the other is what a dashboard sends. */
const LONGEST_QUEUE = 50;
/** Messages of the dashboard that may wait for the disk. */
const MOST_MESSAGES = 1000;
/** Runs of which the dashboard has not stored all, before no more are taken: as many as a hello can name. */
const MOST_UNSTORED = 1000;
/** The longest deadline that a request has, in milliseconds: a week. */
const LONGEST_DEADLINE = 604_800_000;

export interface RequestsDeps {
  files: Pick<DaemonFiles, "putRequest" | "queued" | "askCancel">;
  spool: Pick<SpoolReader, "has" | "outcome">;
  allowedOps: readonly OpName[];
  /** How many runs the dashboard has not stored whole. */
  unstored: () => number;
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

  const start = async (runId: RunId, judged: JudgedStart) => {
    const queued = await files.queued();
    // The queue first: the runner begins the spool before it empties the queue.
    if (queued.includes(runId) || (await spool.has(runId))) {
      log.info("run-repeated", { runId });
      deps.onRepeated(runId);
      return;
    }
    if (!judged.ok) return refuse(runId, judged.code, judged.reason);
    if (queued.length >= LONGEST_QUEUE)
      return refuse(runId, "queue-full", `${queued.length} runs are already waiting on this host.`);
    const unstored = deps.unstored();
    if (unstored >= MOST_UNSTORED)
      return refuse(runId, "queue-full", `The dashboard has not stored ${unstored} runs of this host yet.`);
    const request = { ...judged.request, receivedAt: clock.now() };
    try {
      await files.putRequest(request);
    } catch (error) {
      if (!(await isKnown(runId))) return failToStart(runId, error);
      // The file is there and only its flush has failed: the run will be done, so it is not told as failed.
      log.error("request-not-flushed", { runId, message: messageOf(error) });
    }
    log.info("run-queued", { runId, op: request.op, askedBy: request.askedBy });
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

  const cancel = async (runId: RunId, by: string | undefined) => {
    const isQueued = (await files.queued()).includes(runId);
    if (!isQueued && !(await spool.has(runId))) {
      log.info("cancel-of-unknown-run", { runId });
      return;
    }
    if (!isQueued && (await spool.outcome(runId)).kind !== "missing") return;
    await files.askCancel(runId, by);
    log.info("cancel-asked", { runId });
    deps.onQueued();
  };

  let waiting = 0;
  const cancelling = new Set<RunId>();
  /** Does the work after all that came before. False: so much waits already that nothing more is taken. */
  const addWork = (work: () => Promise<void>): Promise<void> | undefined => {
    if (waiting >= MOST_MESSAGES) return undefined;
    waiting += 1;
    return serial.add(() => work().finally(() => (waiting -= 1)));
  };

  return {
    // Not async: a function that waits holds its arguments, and a thousand messages of a mebibyte would be a gibibyte.
    start(message) {
      const { runId } = message;
      const judged = judgeStart(message, deps.allowedOps);
      const work = addWork(() => start(runId, judged));
      if (work === undefined) refuse(runId, "queue-full", `${waiting} messages are waiting on this host.`);
      return work ?? Promise.resolve();
    },
    async cancel({ runId, by }) {
      if (cancelling.has(runId)) return;
      cancelling.add(runId);
      const work = addWork(() => cancel(runId, by));
      if (work === undefined) log.warn("cancel-dropped", { runId });
      await work;
      cancelling.delete(runId);
    },
  };
}

/** What is left of a request once it was looked at: small, since many may wait. */
type JudgedStart = { ok: true; request: Omit<RunRequest, "receivedAt"> } | { ok: false; code: RefusalCode; reason: string };

function judgeStart(
  { runId, op, args, commit, deadline, askedBy, force, confirmSecret }: StartRun,
  allowedOps: readonly OpName[],
): JudgedStart {
  const parsed = parseOpRequest(op, args);
  // Copied: a part of a text keeps the whole of it in memory, which can be as long as a message.
  if (!parsed.ok) return { ok: false, code: parsed.code, reason: Buffer.from(shorten(parsed.reason, 2000)).toString() };
  if (!allowedOps.includes(parsed.request.op)) {
    const reason = `This host allows only these ops: ${allowedOps.join(", ")}.`;
    return { ok: false, code: "op-not-allowed-on-host", reason };
  }
  const request = {
    runId,
    op,
    args: parsed.request.args,
    commit,
    deadline: Math.min(deadline, LONGEST_DEADLINE),
    askedBy,
    force,
    ...(confirmSecret === undefined ? {} : { confirmSecret }),
  };
  return { ok: true, request };
}
