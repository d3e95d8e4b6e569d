import { basename } from "node:path";
import { RunId } from "@nixfleet/protocol";
import { listDirectory, removeTaken } from "../spool/daemon-files.ts";
import { createEventWriter } from "../spool/event-writer.ts";
import { daemonLayout, runnerLayout } from "../spool/layout.ts";
import { listRuns } from "../spool/run-directories.ts";
import { beginRun, finishRun } from "../spool/run-record.ts";
import { RunRequest } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";
import type { RunnerDeps } from "./deps.ts";

/**
 * Takes the oldest request off the queue. A run that is known is not taken again, whatever the queue says (R1); a file that
 * is no request ends its run as refused, or is left alone where it does not even name one.
 */
export async function takeNext(deps: RunnerDeps): Promise<RunRequest | undefined> {
  const { queue, wake, request: pathOf } = daemonLayout(deps.config.stateDir);
  for (const name of await listDirectory(queue)) {
    if (name.startsWith(".") || name === basename(wake)) continue; // Being written, or no request but a call.
    const id = RunId.safeParse(basename(name, ".json"));
    if (!id.success || name !== `${id.data}.json`) {
      // Left where it is: the directory is the daemon's, and could have been made a link to one with files that matter.
      deps.log(`The queue holds ${JSON.stringify(name.slice(0, 100))}, which is no request.`);
      continue;
    }
    const path = pathOf(id.data);
    const isKnown = (await listRuns(deps.config.runnerDir)).includes(id.data);
    const read = isKnown ? undefined : await readRequest(path, id.data);
    if (read?.ok) await beginRun(runnerLayout(deps.config.runnerDir).run(id.data), read.request);
    else if (read !== undefined) await refuse(deps, id.data, read.reason);
    await removeTaken(queue, path);
    if (read?.ok) return read.request;
  }
  return undefined;
}

async function readRequest(
  path: string,
  id: RunId,
): Promise<{ ok: true; request: RunRequest } | { ok: false; reason: string } | undefined> {
  const read = await readStrangerJson(path, RunRequest);
  if (read.kind === "missing") return undefined;
  if (read.kind === "refused") return { ok: false, reason: read.reason };
  if (read.value.runId !== id) return { ok: false, reason: "The request names another run than its file." };
  return { ok: true, request: read.value };
}

async function refuse({ config, clock }: RunnerDeps, runId: RunId, reason: string): Promise<void> {
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
  await beginRun(run, request);
  const events = createEventWriter({ path: run.events, clock });
  try {
    const outcome = {
      state: "refused",
      code: "arguments-invalid",
      reason: `The request cannot be read. ${reason}`.slice(0, 2000),
    } as const;
    await finishRun(run, events, { outcome, proof: undefined }, clock);
  } finally {
    events.close();
  }
}
