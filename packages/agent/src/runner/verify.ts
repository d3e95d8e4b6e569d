import type { Commit, Outcome } from "@nixfleet/protocol";
import type { RunContext } from "./context.ts";

/** Refuses a commit that is not signed by a key of the host's own configuration. Undefined: it is. */
export async function verifyCommit(_context: RunContext, commit: Commit): Promise<Outcome | undefined> {
  return { state: "refused", code: "unsigned-commit", reason: `The signature of ${commit} cannot be checked by this agent.` };
}
