export { QUEUE_LIMIT } from "./advance.ts";
export { createRunLogs, type RunLogs } from "./log.ts";
export { createLogKeeper } from "./log-keeper.ts";
export { createIds } from "./run-id.ts";
export { createRunViews, type RunViews } from "./run-views.ts";
export {
  createRuns,
  type HostLinks,
  type Runs,
  type RunsDeps,
  type TargetCommit,
} from "./runs.ts";
