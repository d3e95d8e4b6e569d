import { join } from "node:path";
import type { RunId } from "@nixfleet/protocol";
import { openQueue, requestedRun } from "../spool/daemon-entries.ts";
import { createEventWriter } from "../spool/event-writer.ts";
import { exists } from "../spool/exists.ts";
import { runnerLayout } from "../spool/layout.ts";
import { beginRun, finishRun } from "../spool/run-record.ts";
import type { RunRequest } from "../spool/shapes.ts";
import type { JsonRead } from "../spool/untrusted-json.ts";
import type { RunnerDeps } from "./deps.ts";

/**
 * Takes the oldest request off the queue. A run that is known is not taken again, whatever the queue says (R1); a file that
 * is no request ends its run as refused, or just goes where it does not even name one.
 */
export async function takeNext(deps: RunnerDeps): Promise<RunRequest | undefined> {
  const { stateDir, runnerDir } = deps.config;
  const { queue, fault } = await openQueue(stateDir, deps.disk);
  if (fault !== undefined) deps.log(fault);
  if (queue === undefined) return undefined;
  await using _queue = queue;
  const junk = createTally();
  const stuck = createTally();
  try {
    for (const name of await queue.names()) {
      const runId = requestedRun(name);
      const run = runId && runnerLayout(runnerDir).run(runId);
      const isNew = run !== undefined && !(await exists(run.dir));
      const read = runId !== undefined && isNew ? acceptRequest(await queue.read(runId), runId) : undefined;
      if (run !== undefined && read?.ok) await beginRun(run, read.request, deps.disk);
      if (runId !== undefined && read?.ok === false) await refuse(deps, runId, read.reason);
      const left = await queue.take(name);
      // Of what stays there it is reported once.
      if (left !== undefined && (isNew || runId === undefined)) stuck.add(left);
      else if (runId === undefined) junk.add(`${JSON.stringify(name.slice(0, 100))} is not a request and was removed.`);
      if (read?.ok) return read.request;
    }
    return undefined;
  } finally {
    // Whoever fills the queue must not fill the journal with it.
    for (const tally of [junk, stuck]) if (tally.count > 0) deps.log(`${join(stateDir, "queue")}: ${tally.sentence()}`);
  }
}

/** What is told many times over, as one sentence. */
function createTally() {
  let first = "";
  let count = 0;
  return {
    get count() {
      return count;
    },
    add(sentence: string) {
      if (count++ === 0) first = sentence;
    },
    sentence: () => (count === 1 ? first : `${first} There were ${count} such entries.`),
  };
}

function acceptRequest(
  read: JsonRead<RunRequest>,
  id: RunId,
): { ok: true; request: RunRequest } | { ok: false; reason: string } | undefined {
  if (read.kind === "missing") return undefined;
  if (read.kind === "refused") return { ok: false, reason: read.reason };
  if (read.value.runId !== id) return { ok: false, reason: "The request names another run than its file." };
  return { ok: true, request: read.value };
}

async function refuse({ config, clock, disk }: RunnerDeps, runId: RunId, reason: string): Promise<void> {
  const run = runnerLayout(config.runnerDir).run(runId);
  const request: RunRequest = {
    runId,
    op: "unknown",
    args: {},
    commit: null,
    deadline: 1000,
    askedBy: "",
    force: false,
    receivedAt: clock.now(),
  };
  await beginRun(run, request, disk);
  const events = createEventWriter({ path: run.events, clock, disk });
  try {
    const outcome = {
      state: "refused",
      code: "arguments-invalid",
      reason: `The request cannot be read. ${reason}`.slice(0, 2000),
    } as const;
    await finishRun(run, events, { outcome, proof: undefined }, clock, disk);
  } finally {
    events.close();
  }
}
