export { createMetricsHistory, type MetricsHistory } from "./metrics-history.ts";
