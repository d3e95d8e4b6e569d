import { type FactsReading, type OpRequest, type Outcome, parseOpRequest, type RunEventOf, shorten } from "@nixfleet/protocol";
import { messageOf } from "@nixfleet/runtime";
import { readCancel, removeCancel } from "../spool/daemon-entries.ts";
import { createEventWriter } from "../spool/event-writer.ts";
import { type RunLayout, runnerLayout } from "../spool/layout.ts";
import { finishRun, reserveSpace } from "../spool/run-record.ts";
import type { RequestRecord } from "../spool/shapes.ts";
import { readSpoolWriters } from "../spool/spool-writers.ts";
import { createRunContext, failure, type RunContext } from "./context.ts";
import type { RunnerDeps } from "./deps.ts";
import { readHostFacts } from "./facts.ts";
import { runOp } from "./op-table.ts";
import { type Redactor, redactAlso } from "./redactor.ts";
import { createStop, withStopReason } from "./stop.ts";

/** Does one run that was taken, from its first event to its outcome on the disk. `cancelled`: by a person at this very process. */
export async function runOne(
  deps: RunnerDeps,
  request: RequestRecord,
  redactHost: Redactor,
  cancelled?: AbortSignal,
): Promise<void> {
  const { config, clock } = deps;
  const redact = redactAlso(redactHost, request.confirmSecret);
  const run = runnerLayout(config.runnerDir).run(request.runId);
  const cancellation = () => readCancel(config.stateDir, request.runId);
  const hasReserve = await reserveSpace(run);
  const events = createEventWriter({ path: run.events, clock });
  try {
    const allowed = checkRequest(deps, request);
    if (!allowed.ok) {
      await finishRun(run, events, { outcome: allowed.outcome, proof: undefined }, clock);
    } else if ((await cancellation()) !== undefined) {
      const outcome: Outcome = { state: "cancelled", reason: "Cancelled before it began." };
      await finishRun(run, events, { outcome, proof: undefined }, clock);
    } else {
      const stop = createStop(clock, { readCancel: cancellation, cancelled, milliseconds: request.deadline });
      const deadlineAt = clock.now() + request.deadline;
      const context = createRunContext({ deps, request, events, signal: stop.signal, deadlineAt, redact });
      events.append(await startedBy(run, config.agentVersion));
      if (!hasReserve) context.warn("The disk under the agent's state is full.");
      const worked = await work(context, allowed.request);
      stop.end();
      const outcome = withStopReason(worked, stop.signal, request.deadline);
      await finishRun(run, events, { outcome, proof: await readProof(context, allowed.request) }, clock);
    }
  } finally {
    events.close();
  }
  await removeCancel(config.stateDir, request.runId);
}

/** The first event of whoever writes the events of a run from now on. */
export async function startedBy(run: RunLayout, agentVersion: string): Promise<RunEventOf<"started">> {
  const writer = (await readSpoolWriters(run)).at(-1)?.id;
  return { kind: "started", agentVersion: shorten(agentVersion, 120), ...(writer === undefined ? {} : { writer }) };
}

/** The daemon's word counts for nothing here: op, arguments and the host's own policy are looked at again. */
function checkRequest(
  { config }: RunnerDeps,
  { op, args }: Pick<RequestRecord, "op" | "args">,
): { ok: true; request: OpRequest } | { ok: false; outcome: Outcome } {
  const parsed = parseOpRequest(op, args);
  if (!parsed.ok) return { ok: false, outcome: { state: "refused", code: parsed.code, reason: shorten(parsed.reason, 2000) } };
  if (config.allowedOps.includes(parsed.request.op)) return parsed;
  const reason = `This host's own configuration does not allow ${op}.`;
  return { ok: false, outcome: { state: "refused", code: "op-not-allowed-on-host", reason } };
}

async function work(context: RunContext, request: OpRequest): Promise<Outcome> {
  try {
    return await runOp(context, request);
  } catch (error) {
    const text = (error instanceof Error ? error.stack : undefined) ?? messageOf(error);
    for (const line of text.split("\n")) context.log(line);
    return failure("internal", `Internal error: ${context.redact(messageOf(error))}`);
  }
}

/** What is so after the work: read by the runner itself, whatever the op reported (R22). */
async function readProof(context: RunContext, { op }: OpRequest): Promise<FactsReading | undefined> {
  const { deps, clone } = context;
  const { runnerDir, branch, flakeDir, hostname } = deps.config;
  try {
    const reading = await readHostFacts({
      clone,
      platform: deps.platform,
      runnerDir,
      branch,
      flakeDir,
      hostname,
      now: deps.clock.now,
    });
    if (op !== "refresh") return reading;
    return { readAt: reading.readAt, facts: { ...(await deps.readMachineFacts()), ...reading.facts } };
  } catch (error) {
    context.warn(`The facts of the host could not be read after the run: ${(error as Error).message}`);
    return undefined;
  }
}
