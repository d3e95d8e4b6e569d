import { syncClone } from "../sync.ts";
import type { OpImplementation } from "./implementation.ts";

/** Fetches the branch and puts the clone at the commit asked for, else at the target, else at the branch's tip. */
export const pull: OpImplementation<"pull"> = async (context, args) => {
  context.phase("fetch");
  const synced = await syncClone(context, args.commit ?? context.request.commit, "always");
  return synced.ok ? { state: "succeeded" } : synced.outcome;
};
