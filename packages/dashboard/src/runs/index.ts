export { QUEUE_LIMIT } from "./advance.ts";
export { createRunLogs, type RunLogs } from "./log.ts";
export { createLogKeeper, type LogKeeper } from "./log-keeper.ts";
export type { Run, RunOutcome } from "./run.ts";
export type { TargetCommit } from "./run-commands.ts";
export { createRunViews, type RunViews } from "./run-views.ts";
export { createRuns, type Runs, type RunsDeps } from "./runs.ts";
