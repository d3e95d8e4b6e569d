export { createMetricsHistory, type MetricsHistory, type MetricsHistoryDeps } from "./metrics-history.ts";
