export { createMetricsHistory } from "./metrics-history.ts";
