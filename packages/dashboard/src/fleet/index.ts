export { createFleetViews, type FleetViews, type Urgency } from "./views.ts";
