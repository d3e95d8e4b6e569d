import type { OpImplementation } from "./implementation.ts";

/** Reads every fact again. The reading is the run's proof, so there is nothing else to do. */
export const refresh: OpImplementation<"refresh"> = async (context) => {
  context.phase("refresh");
  return { state: "succeeded" };
};
