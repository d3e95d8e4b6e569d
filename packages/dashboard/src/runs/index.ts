export { QUEUE_LIMIT } from "./advance.ts";
export type { TargetCommit } from "./asking.ts";
export type { HostLinks } from "./dispatching.ts";
export { createRunLogs, type RunLogs } from "./log.ts";
export { createLogKeeper } from "./log-keeper.ts";
export { createIds } from "./run-id.ts";
export { createRunViews, type RunViews } from "./run-views.ts";
export { createRuns, type Runs, type RunsDeps } from "./runs.ts";
