export { changes } from "./changes.ts";
export type { Finding, HostInput, RunFacts, RunsInput, TargetInput } from "./compartments/input.ts";
export { runningCommit } from "./compartments/running.ts";
export { undoOverdueAt } from "./compartments/system.ts";
export { compartments, type Findings } from "./compartments.ts";
export { type DeploymentBy, generations } from "./generations.ts";
export { ACTION_ORDER, deniedOps, nextAction } from "./next-action.ts";
export { type HostReach, reachability } from "./reachability.ts";
