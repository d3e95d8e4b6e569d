import { lockOwner } from "@nixfleet/runtime";
import { queuedRuns } from "../spool/daemon-entries.ts";
import { runnerLayout } from "../spool/layout.ts";
import { wait } from "../spool/run-record.ts";
import { CloneState } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import type { RunnerDeps } from "./deps.ts";
import { createCloneOf } from "./facts.ts";
import type { Redactor } from "./redactor.ts";
import { writeCloneState } from "./sync.ts";

const QUEUE_POLL_MS = 50;

/**
 * Checks whether the repository can be read, so that a wrong credential or a missing branch is a fact of the host before anybody
 * pulls (R27). Changes nothing in the clone, and gives way to a request at once.
 */
export async function probeRepository(deps: RunnerDeps, redact: Redactor): Promise<void> {
  const { clock, config } = deps;
  const layout = runnerLayout(config.runnerDir);
  const stop = new AbortController();
  const probing = createCloneOf(deps)
    .probe(stop.signal)
    .finally(() => stop.abort());
  while (!stop.signal.aborted) {
    const isWaitedFor = (await queuedRuns(config.stateDir)).length > 0 || (await lockOwner(layout.byHandLock)) !== undefined;
    if (isWaitedFor) stop.abort();
    else await Promise.race([probing, wait(clock, QUEUE_POLL_MS)]);
  }
  const fault = await probing;
  const before = await readUntrustedJson(layout.cloneState, CloneState);
  const hadProblem = before.kind === "ok" && before.value.problem !== null;
  if (fault !== undefined || hadProblem) await writeCloneState(layout, clock.now(), fault, redact);
}
