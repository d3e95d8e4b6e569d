import type { Commit, Outcome } from "@nixfleet/protocol";
import { isDiskFull, writeAtomic } from "@nixfleet/runtime";
import type { GitFault, SyncRequest, SyncResult } from "../git/clone.ts";
import { createSignatureCheck } from "../git/signatures.ts";
import type { RunnerLayout } from "../spool/layout.ts";
import { CloneState } from "../spool/shapes.ts";
import { readStrangerJson } from "../spool/stranger-json.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { createPlainOutput } from "./output.ts";

export type Synced = { ok: true; commit: Commit } | { ok: false; outcome: Outcome };

/** Brings the clone to the commit, and writes down whether the repository could be read. */
export async function syncClone(context: RunContext, commit: Commit | null, fetch: "always" | "if-missing"): Promise<Synced> {
  const { clone, signal, layout, deps } = context;
  const output = createPlainOutput(context.output, "git");
  const verify = deps.config.signing.required ? signatureCheck(context) : undefined;
  const result = await clone.sync({ commit, fetch, signal, onStderr: (chunk) => output.write(chunk), verify });
  output.end();
  const problem = result.kind === "failed" ? result.fault : undefined;
  // Refused means read as well: a commit is looked for in the repository before it is refused.
  const wasRead = result.kind === "at" ? result.fetched : result.kind === "refused";
  if (wasRead || problem !== undefined) {
    await writeCloneState(layout, deps.clock.now(), problem, context.redact);
  }
  return toSynced(result, context);
}

/** Why what the clone is at may not be run; undefined: it may. For what runs something of the clone without fetching it first. */
export async function refuseUnsigned(context: RunContext): Promise<Outcome | undefined> {
  const { clone, deps } = context;
  const head = await clone.head();
  if (!deps.config.signing.required || head === null) return undefined;
  const reason = await clone.verify(head, signatureCheck(context));
  return reason === undefined ? undefined : { state: "refused", code: "unsigned-commit", reason };
}

function signatureCheck({ deps, phase, execute, say }: RunContext): NonNullable<SyncRequest["verify"]> {
  const { allowedSignersFile, openpgpKeysFile } = deps.config.signing;
  const check = createSignatureCheck({ exec: execute, env: deps.env, signers: { allowedSignersFile, openpgpKeysFile } });
  return async (commit, git) => {
    phase("verify");
    const distrust = await check(commit, git);
    if (distrust === undefined) say(`${commit} is signed by a key that this host trusts.`);
    return distrust;
  };
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
