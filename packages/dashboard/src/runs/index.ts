export { QUEUE_LIMIT, REPORT_GRACE } from "./advance.ts";
export { createRunLogs, type RunLogs } from "./log.ts";
export { createLogKeeper, type LogKeeper, type LogKeeperDeps } from "./log-keeper.ts";
export { createIds, type Ids } from "./run-id.ts";
export { createRunViews, type RunFilter, type RunViews } from "./run-views.ts";
export {
  type AskedRun,
  createRuns,
  type HostLinks,
  type ReceivedEvents,
  type RunChange,
  type Runs,
  type RunsDeps,
  type StartResult,
  type TargetCommit,
} from "./runs.ts";
