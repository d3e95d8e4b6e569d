export type { FleetViews, Urgency } from "./fleet-views.ts";
export { createFleetViews } from "./views.ts";
