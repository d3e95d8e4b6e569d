import type { Commit, Outcome } from "@nixfleet/protocol";
import { isDiskFull, writeAtomic } from "@nixfleet/runtime";
import type { CommitCheck, GitFault, SyncRequest, SyncResult } from "../git/clone.ts";
import { createSignatureCheck } from "../git/signatures.ts";
import type { RunnerLayout } from "../spool/layout.ts";
import { CloneState } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { createPlainOutput } from "./output.ts";
import { type CommitUse, createRewindGuard } from "./rewind.ts";

export type CloneOutcome = { ok: true; commit: Commit } | { ok: false; outcome: Outcome };

export interface CommitRequest extends Pick<SyncRequest, "commit" | "fetch"> {
  use: CommitUse;
}

/**
 * Brings the clone to a commit that the host's policy accepts for this use, and records whether the repository could be read. Of a
 * commit that is refused no file is taken out.
 */
export async function syncClone(context: RunContext, { commit, fetch, use }: CommitRequest): Promise<CloneOutcome> {
  const { clone, signal, layout, deps } = context;
  const output = createPlainOutput(context.output, "git");
  const rewind = await createRewindGuard(context, use);
  const check = deps.config.signing.required ? signatureCheck(context) : undefined;
  const admit: SyncRequest["admit"] = async (candidate, { git, tip }) => {
    const distrust = await check?.(candidate, git);
    if (distrust !== undefined) return { code: "unsigned-commit", reason: distrust };
    return rewind.refuse(candidate, tip);
  };
  const result = await clone.sync({
    commit,
    fetch: (await rewind.mustFetch()) ? "always" : fetch,
    signal,
    onStderr: (chunk) => output.write(chunk),
    admit,
  });
  output.end();
  const problem = result.kind === "failed" ? result.fault : undefined;
  // Refused means read as well: a commit is looked for in the repository before it is refused.
  const wasRead = result.kind === "at" ? result.fetched : result.kind === "refused";
  if (wasRead || problem !== undefined) {
    await writeCloneState(layout, deps.clock.now(), problem, context.redact);
  }
  return cloneOutcome(result, context);
}

/**
 * For what runs scripts of the clone as it is. Where commits are checked, the one that the clone is at is checked again, and its
 * files are taken out again: policy, branch and ledger may be others than when it came there, and a pull may have been cut off.
 */
export async function recheckClone(context: RunContext, head: Commit): Promise<Outcome | undefined> {
  if (!context.deps.config.signing.required) return undefined;
  const synced = await syncClone(context, { commit: head, fetch: "if-missing", use: "run" });
  return synced.ok ? undefined : synced.outcome;
}

/** Recreates the clone if it is damaged, at a commit that it has. Returns whether it was. */
export async function recreateIfDamaged({ clone, signal, ...context }: RunContext, commit: Commit): Promise<boolean> {
  const output = createPlainOutput(context.output, "git");
  const result = await clone.sync({ commit, fetch: "if-missing", signal, onStderr: (chunk) => output.write(chunk) });
  output.end();
  // What is whole needs no fetch.
  return result.kind === "at" && result.fetched;
}

/** Why a commit of the clone is not signed by one whom this host trusts; undefined: it is. */
export function checkSignature(context: RunContext, commit: Commit): Promise<string | undefined> {
  return context.clone.verify(commit, signatureCheck(context));
}

function signatureCheck({ deps, phase, execute, log }: RunContext): CommitCheck {
  const { allowedSignersFile, openpgpKeysFile } = deps.config.signing;
  const check = createSignatureCheck({ exec: execute, env: deps.env, signers: { allowedSignersFile, openpgpKeysFile } });
  return async (commit, git) => {
    phase("verify");
    const distrust = await check(commit, git);
    if (distrust === undefined) log(`${commit} is signed by a key that this host trusts.`);
    return distrust;
  };
}

function cloneOutcome(result: SyncResult, { redact }: RunContext): CloneOutcome {
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

/** Records when the repository was read last, and what keeps it from being read now. */
export async function writeCloneState(
  layout: RunnerLayout,
  now: number,
  fault: GitFault | undefined,
  redact: (text: string) => string,
): Promise<void> {
  const before = await readUntrustedJson(layout.cloneState, CloneState);
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
