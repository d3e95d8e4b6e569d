import type { Commit, Outcome } from "@nixfleet/protocol";
import { isDiskFull, writeAtomic } from "@nixfleet/runtime";
import type { GitFault, SyncRequest, SyncResult } from "../git/clone.ts";
import { createSignatureCheck } from "../git/signatures.ts";
import type { RunnerLayout } from "../spool/layout.ts";
import { CloneState } from "../spool/shapes.ts";
import { readUntrustedJson } from "../spool/untrusted-json.ts";
import { failure, type RunContext, STOPPED } from "./context.ts";
import { createPlainOutput } from "./output.ts";

export type CloneOutcome = { ok: true; commit: Commit } | { ok: false; outcome: Outcome };

/** Brings the clone to the commit, and records whether the repository could be read. */
export async function syncClone(
  context: RunContext,
  commit: Commit | null,
  fetch: "always" | "if-missing",
): Promise<CloneOutcome> {
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
  return cloneOutcome(result, context);
}

/** Recreates the clone if it is damaged, at a commit that it has. Returns whether it was. */
export async function recreateIfDamaged({ clone, signal, ...context }: RunContext, commit: Commit): Promise<boolean> {
  const output = createPlainOutput(context.output, "git");
  const result = await clone.sync({ commit, fetch: "if-missing", signal, onStderr: (chunk) => output.write(chunk) });
  output.end();
  // What is whole needs no fetch.
  return result.kind === "at" && result.fetched;
}

/** Why what the clone is at may not be run; undefined: it may. For what runs something of the clone without fetching it first. */
export async function refuseUnsigned(context: RunContext): Promise<Outcome | undefined> {
  const { clone, deps } = context;
  const head = await clone.head();
  if (!deps.config.signing.required || head === null) return undefined;
  const reason = await clone.verify(head, signatureCheck(context));
  return reason === undefined ? undefined : { state: "refused", code: "unsigned-commit", reason };
}

function signatureCheck({ deps, phase, execute, log }: RunContext): NonNullable<SyncRequest["verify"]> {
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
