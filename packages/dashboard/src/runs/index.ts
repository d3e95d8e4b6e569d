export { QUEUE_LIMIT } from "./advance.ts";
export { MAX_QUEUED_RUNS } from "./dispatch-order.ts";
export { createHistoryKeeper, type HistoryKeeper } from "./history-keeper.ts";
export { createRunLogs, type RunLogs } from "./log.ts";
export type { RetentionLimits } from "./retention.ts";
export type { ProofProblem, RunRequest, StartResult } from "./run-commands.ts";
export { createRunViews, type RunViews } from "./run-views.ts";
export { createRuns, type Runs, type RunsDeps } from "./runs.ts";
export type { TargetCommits } from "./target-commits.ts";
