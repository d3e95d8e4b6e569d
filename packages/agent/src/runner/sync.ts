import type { Commit, Outcome } from "@nixfleet/protocol";
import { writeAtomic } from "@nixfleet/runtime";
import type { GitFault, SyncResult } from "../git/clone.ts";
import type { RunnerLayout } from "../spool/layout.ts";
import { isDiskFull } from "../spool/run-record.ts";
import { CloneState } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { createPlainOutput } from "./output.ts";

export type Synced = { ok: true; commit: Commit } | { ok: false; outcome: Outcome };

/** Brings the clone to the commit, and writes down whether the repository could be read. */
export async function syncClone(context: RunContext, commit: Commit | null, fetch: "always" | "if-missing"): Promise<Synced> {
  const { clone, signal, layout, deps } = context;
  const output = createPlainOutput(context.output, "git");
  const result = await clone.sync({ commit, fetch, signal, onStderr: (chunk) => output.write(chunk) });
  output.end();
  const problem = result.kind === "failed" ? result.fault : undefined;
  // Refused means read as well: a commit is looked for in the repository before it is refused.
  const wasRead = result.kind === "at" ? result.fetched : result.kind === "refused";
  if (wasRead || problem !== undefined) {
    await writeCloneState(layout, deps.clock.now(), problem, context.redact);
  }
  return toSynced(result, context);
}

function toSynced(result: SyncResult, { redact }: RunContext): Synced {
  switch (result.kind) {
    case "at":
      return { ok: true, commit: result.commit };
    case "stopped":
      return { ok: false, outcome: STOPPED };
    case "refused":
      return { ok: false, outcome: { state: "refused", code: result.code, reason: result.reason } };
    case "failed": {
      const { code, reason, firstError } = result.fault;
      return { ok: false, outcome: failure(code, redact(reason), { firstError: redact(firstError) }) };
    }
  }
}

/** Writes down when the repository was read last, and what keeps it from being read now. */
export async function writeCloneState(
  layout: RunnerLayout,
  now: number,
  fault: GitFault | undefined,
  redact: (text: string) => string,
): Promise<void> {
  const before = await readStrangerJson(layout.cloneState, CloneState);
  const fetchedAt = before.kind === "ok" ? before.value.fetchedAt : null;
  const state: CloneState =
    fault === undefined
      ? { fetchedAt: now, problem: null }
      : { fetchedAt, problem: { code: fault.code, message: redact(fault.reason).slice(0, 2000), at: now } };
  try {
    await writeAtomic(layout.cloneState, `${JSON.stringify(state)}\n`, { mode: 0o640 });
  } catch (error) {
    if (!isDiskFull(error)) throw error; // It is a note for the page; the run's outcome says the same.
  }
}
