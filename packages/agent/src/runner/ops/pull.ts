import { syncClone } from "../sync.ts";
import type { OpImplementation } from "./implementation.ts";

/** Fetches the branch and puts the clone at the commit asked for, else at the target, else at the branch's tip. */
export const pull: OpImplementation<"pull"> = async (context, args) => {
  context.phase("fetch");
  const synced = await syncClone(context, { commit: args.commit ?? context.request.commit, fetch: "always", use: "run" });
  return synced.ok ? { state: "succeeded" } : synced.outcome;
};
